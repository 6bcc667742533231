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
 * What an answer is made of: a single object, any *List, a Table, or a watch event around one of them. The
 * root always counts as an object too, so that nothing escapes by calling itself a list.
 */
export function findShape(answer: unknown): Shape {
  if (!isObject(answer)) return { objects: [], many: false };
  const { kind, items, object, type } = answer;
  if (kind === undefined && typeof type === "string" && isObject(object)) {
    return { ...findShape(object), many: true };
  }
  if (kind === "Table" && Array.isArray(answer.rows)) {
    const table = readTable(answer);
    const rows = table.rows.flatMap((row) => (row.object === undefined ? [] : [{ object: row.object }]));
    return { objects: rows, many: true, table };
  }
  const root = { object: answer };
  if (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items)) {
    return {
      objects: [{ ...root, apart: "items" }, ...items.filter(isObject).map((item) => ({ object: item }))],
      many: true,
    };
  }
  return { objects: [root], many: false };
}
