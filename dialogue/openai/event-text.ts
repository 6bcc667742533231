import { type Span, splice, valueSpan } from "../json/spans.ts";

const DATA = /(?:^|[\r\n])data:[ ]?/;

/** A value of the JSON in an event's data, and the JSON that takes its place. */
export interface Edit {
  path: readonly (string | number)[];
  json: string;
}

/** The event with values of its data replaced, and every other byte as it came. It has one line of data. */
export function editEvent(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const found = DATA.exec(text);
  if (found === null) return bytes;
  const start = found.index + found[0].length;
  const end = text.slice(start).search(/[\r\n]/);
  const json = end < 0 ? text.slice(start) : text.slice(start, start + end);
  const parts = edits.flatMap(({ path, json: value }): (Span & { text: string })[] => {
    const span = valueSpan(json, path);
    return span === undefined ? [] : [{ ...span, text: value }];
  });
  parts.sort((a, b) => a.start - b.start);
  return Buffer.from(text.slice(0, start) + splice(json, parts) + text.slice(start + json.length));
}
