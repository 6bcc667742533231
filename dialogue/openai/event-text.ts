import { type Span, splice, valueSpan } from "../json/spans.ts";
import { BrokenReply } from "../sse/broken-reply.ts";

/** The first event of a stream may stand behind a byte order mark (WHATWG HTML §9.2). */
const DATA = /(?:^\uFEFF?|[\r\n])data:[ ]?/;

/** A value of the JSON in an event's data, and the JSON that takes its place. */
export interface Edit {
  path: readonly (string | number)[];
  json: string;
}

/**
 * The event with values of its data replaced, and every other byte as it came. It has one line of data. Throws BrokenReply
 * where a value is not there: what should have been replaced would go out.
 */
export function editEvent(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const found = DATA.exec(text);
  if (found === null) throw nothingThere();
  const start = found.index + found[0].length;
  const end = text.slice(start).search(/[\r\n]/);
  const json = end < 0 ? text.slice(start) : text.slice(start, start + end);
  const parts = edits.map(({ path, json: value }): Span & { text: string } => {
    const span = valueSpan(json, path);
    if (span === undefined) throw nothingThere();
    return { ...span, text: value };
  });
  parts.sort((a, b) => a.start - b.start);
  return Buffer.from(text.slice(0, start) + splice(json, parts) + text.slice(start + json.length));
}

function nothingThere(): BrokenReply {
  return new BrokenReply("what is to be changed of it was not found");
}
