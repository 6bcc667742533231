import type { Requested } from "./rules.ts";
import type { TableAnswer } from "./shape.ts";

interface CellMasker {
  maskCell(cell: unknown): unknown;
  hideCell(path: string): string;
}

/** Kinds whose printers show counts and never a value (k8s.io/kubernetes/pkg/printers/internalversion). */
const COUNTS_ONLY = new Set(["/secrets", "/configmaps"]);
const IDENTITY_COLUMNS = new Set(["name", "namespace", "age"]);

/**
 * Masks the cells of a Table. Where the row holds the whole object its masked values are known, and cells
 * that show one are masked. Where it holds metadata or nothing they are not: a printer column of a custom
 * resource may show any field, so every cell but name, namespace and age is masked.
 */
export function maskCells(table: TableAnswer, requested: Requested, masker: CellMasker): void {
  const countsOnly = COUNTS_ONLY.has(`${requested.group}/${requested.resource}`);
  for (const { cells, object } of table.rows) {
    const whole = object !== undefined && object.kind !== "PartialObjectMetadata";
    for (const [i, cell] of cells.entries()) {
      const column = table.columns[i]?.toLowerCase();
      // Later events of a watch leave the definitions out; the first column is the name.
      const identity = column === undefined ? i === 0 : IDENTITY_COLUMNS.has(column);
      if (identity || cell === null) continue;
      cells[i] = whole || countsOnly ? masker.maskCell(cell) : masker.hideCell(`cells[${i}]`);
    }
  }
}
