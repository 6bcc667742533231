import { isBuiltInGroup } from "../../base/built-in-groups.ts";
import type { CompiledMask, Requested } from "./rules.ts";
import type { TableAnswer } from "./shape.ts";

interface CellMasker {
  maskCell(cell: unknown, path: string): unknown;
  hideCell(path: string): string;
}

const IDENTITY_COLUMNS = new Set(["name", "namespace", "age"]);

/**
 * Keys of what no printer of kube-apiserver shows (k8s.io/kubernetes/pkg/printers/internalversion): of a Secret and a
 * ConfigMap it shows how many values there are, of a container its name and image.
 */
const NEVER_PRINTED = new Set([
  "data",
  "binaryData",
  "stringData",
  "env",
  "envFrom",
  "command",
  "args",
  "volumes",
  "annotations",
]);

/** Whether a printer may show what one of these masks takes away, so that cells have to be hidden where they cannot be compared. */
export function mayPrint(fields: CompiledMask["fields"], { group }: Requested): boolean {
  if (!isBuiltInGroup(group)) return fields.length > 0;
  return fields.some(({ steps }) => !steps.some((step) => "key" in step && NEVER_PRINTED.has(step.key)));
}

/**
 * Masks the cells of a Table. Where the row holds the whole object its masked values are known, and cells that show
 * one are masked. Where it holds metadata or nothing they are not: a printer column of a custom resource may show
 * any field, so every cell but name, namespace and age is masked, unless no printer shows what is masked.
 */
export function maskCells(table: TableAnswer, masks: readonly CompiledMask[], masker: CellMasker): void {
  const hides = masks.some((mask) => mask.hidesCells);
  for (const { cells, object } of table.rows) {
    const whole = object !== undefined && object.kind !== "PartialObjectMetadata";
    for (const [i, cell] of cells.entries()) {
      const column = table.columns[i]?.toLowerCase();
      // Later events of a watch leave the definitions out; the first column is the name.
      const identity = column === undefined ? i === 0 : IDENTITY_COLUMNS.has(column);
      if (identity || cell === null) continue;
      cells[i] = whole || !hides ? masker.maskCell(cell, `cells[${i}]`) : masker.hideCell(`cells[${i}]`);
    }
  }
}
