import { isRawNumber } from "../../base/lossless-json.ts";

export type JsonObject = { [key: string]: unknown };

export interface MaskedObject {
  object: JsonObject;
  /** A key whose value is looked at on its own: the items of a list. */
  apart?: string;
}

export interface TableAnswer {
  columns: string[];
  rows: { cells: unknown[]; object: JsonObject | undefined }[];
}

export interface Shape {
  /** The objects in the answer, its own root first. */
  objects: MaskedObject[];
  /** Whether the answer is about several objects. */
  many: boolean;
  table?: TableAnswer;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

function readTable(answer: JsonObject): TableAnswer {
  const definitions = Array.isArray(answer.columnDefinitions) ? answer.columnDefinitions : [];
  const rows = Array.isArray(answer.rows) ? answer.rows.filter(isObject) : [];
  return {
    columns: definitions.map((column) => (isObject(column) && typeof column.name === "string" ? column.name : "")),
    rows: rows.map(({ cells, object }) => ({
      cells: Array.isArray(cells) ? cells : [],
      object: isObject(object) ? object : undefined,
    })),
  };
}

/**
 * What an answer is made of: a single object, a list, a Table, or a watch event around one of them. Told by
 * structure and not by `kind`, which is the upstream's claim; and the root always counts as an object too,
 * so that nothing escapes by looking like a list.
 */
export function findShape(answer: unknown): Shape {
  if (!isObject(answer)) return { objects: [], many: false };
  const { items, rows, object, type } = answer;
  if (typeof type === "string" && isObject(object)) {
    const inner = findShape(object);
    return { ...inner, objects: [{ object: answer, apart: "object" }, ...inner.objects], many: true };
  }
  if (Array.isArray(rows)) {
    const table = readTable(answer);
    const rowObjects = table.rows.flatMap((row) => (row.object === undefined ? [] : [{ object: row.object }]));
    const root = table.rows.length === rows.length ? { object: answer, apart: "rows" } : { object: answer };
    return { objects: [root, ...rowObjects], many: true, table };
  }
  if (Array.isArray(items)) {
    const entries = items.filter(isObject).map((item) => ({ object: item }));
    // Entries that are no objects are looked at with the root.
    const root = entries.length === items.length ? { object: answer, apart: "items" } : { object: answer };
    return { objects: [root, ...entries], many: true };
  }
  return { objects: [{ object: answer }], many: false };
}
