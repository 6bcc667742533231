import { Refusal } from "../../base/errors.ts";

/**
 * What a string of a request is: a `word` of the API's or of a tool's definition; what the client's program says of itself
 * (`own`: the system prompt); what was `said`; a tool's `result`; what the `assistant` said; or `signed` by the provider.
 */
export type StringKind = "word" | "own" | "said" | "result" | "assistant" | "signed";

/** Where a string's characters stand, between its quotes, in bytes; or numbers of a list, with what stands between them. */
export interface PromptString {
  start: number;
  end: number;
  kind: StringKind;
  /** The key that it stands under; of what stands in a list, the list's. */
  key: string;
  /** No string: one number, or several that follow each other. */
  numbers?: true;
  /** Which it is of those that are said in order. */
  place?: number;
}

interface Frame {
  list: boolean;
  key: string;
  /** The first string in it. */
  first: number;
  type: string;
  role: string;
  signed: boolean;
  /** Its own strings, not those of what stands in it, under a key whose text a provider signs. */
  signable: PromptString[];
  /** Strings of a message's blocks and of an item's summary that are signed, if the message is the assistant's, or the item is. */
  marks: PromptString[];
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
/** What numbers are written in (RFC 8259 §6). */
const NUMBER = new Uint8Array(256);
for (const c of "-+.0123456789eE") NUMBER[c.charCodeAt(0)] = 1;
/** Between the numbers of a list. */
const BETWEEN = new Set([0x2c, 0x20, 0x09, 0x0a, 0x0d]);
/** How often others may run while a body is read: each so many strings, and bytes. */
export const EACH = { strings: 4_096, bytes: 262_144 };
/** What a string under one of these says is the API's own, or a name. */
const WORDS = new Set([
  ...["type", "role", "id", "tool_use_id", "tool_call_id", "call_id", "item_id", "file_id", "name", "model", "object"],
  ...[
    "media_type",
    "format",
    "detail",
    "status",
    "phase",
    "ttl",
    "stop_reason",
    "toolset_name",
    "signature",
    "encrypted_content",
  ],
]);
const SPOKEN = new Set(["messages", "input", "prompt"]);
const OWN = new Set(["system", "instructions"]);
const SIGNABLE = new Set(["thinking", "signature", "data", "text", "encrypted_content"]);
/** What a dialogue never has, and what would take more memory and time than a prompt may. */
const MOST = { strings: 262_144, depth: 256 };
/** Nothing that is looked for is shorter. */
const SHORTEST = 8;

/**
 * Every string of a request to a model, its keys too, in the order in which they stand. Yields now and then, so that others may
 * run. `body` is JSON: throws where it is not, since nothing else may go unsearched. Throws Refusal `unmaskable` where it is in
 * too many strings, or too deep.
 */
export function* promptStrings(body: Buffer): Generator<undefined, PromptString[]> {
  const strings: PromptString[] = [];
  const open: Frame[] = [];
  let expectKey = false;
  let next = { strings: EACH.strings, bytes: EACH.bytes };
  for (let i = 0; i < body.length; i++) {
    const byte = body[i] as number;
    if (i >= next.bytes || strings.length >= next.strings) {
      next = { strings: strings.length + EACH.strings, bytes: i + EACH.bytes };
      yield;
    }
    if (byte === QUOTE) {
      const end = yield* endOfString(body, i);
      const frame = open.at(-1);
      if (expectKey && frame !== undefined) {
        frame.key = text(body, i + 1, end);
        if (end - i > SHORTEST) strings.push({ start: i + 1, end, kind: "word", key: "" });
        expectKey = false;
      } else take(body, { start: i + 1, end, kind: kindOf(open), key: frame?.key ?? "" }, open, strings);
      i = end;
      if (strings.length > MOST.strings) refuse("is in more strings");
    } else if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) {
      const end = yield* endOfNumbers(body, i, open.at(-1)?.list === true);
      if (end - i >= SHORTEST)
        strings.push({ start: i, end, kind: kindOf(open), key: open.at(-1)?.key ?? "", numbers: true });
      i = end - 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      const list = byte === 0x5b;
      if (open.length >= MOST.depth) refuse("is nested deeper");
      open.push({
        list,
        key: list ? (open.at(-1)?.key ?? "") : "",
        first: strings.length,
        type: "",
        role: "",
        signed: false,
        signable: [],
        marks: [],
      });
      expectKey = !list;
    } else if (byte === 0x7d || byte === 0x5d) {
      const frame = open.pop();
      if (frame === undefined || frame.list !== (byte === 0x5d)) throw new Error("a prompt that is no JSON");
      close(frame, open, strings);
      expectKey = false;
    } else if (byte === 0x2c) expectKey = open.at(-1)?.list === false;
  }
  if (open.length > 0) throw new Error("a prompt that is no JSON");
  return strings;
}

/** The one of some strings, in order, that stands at a place of the body. */
export function stringAt(strings: readonly PromptString[], at: number): PromptString | undefined {
  let [low, high] = [0, strings.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((strings[middle] as PromptString).end > at) high = middle;
    else low = middle + 1;
  }
  return strings[low];
}

/** What a string says. */
export function textOf(body: Buffer, { start, end }: PromptString): string {
  return text(body, start, end);
}

function refuse(how: string): never {
  throw new Refusal("unmaskable", `the prompt ${how} than can be searched for secret values`, {
    next: "Send less of it at once.",
  });
}

function* endOfString(body: Buffer, start: number): Generator<undefined, number> {
  let next = start + EACH.bytes;
  for (let end = body.indexOf(QUOTE, start + 1); end >= 0; end = body.indexOf(QUOTE, end + 1)) {
    let before = end - 1;
    while (body[before] === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
    if (end < next) continue;
    next = end + EACH.bytes;
    yield;
  }
  throw new Error("a prompt that is no JSON");
}

/** Where a number ends, or in a list the last one of those that follow each other. */
function* endOfNumbers(body: Buffer, start: number, list: boolean): Generator<undefined, number> {
  let end = start;
  let next = start + EACH.bytes;
  for (let i = start; i < body.length; i++) {
    const byte = body[i] as number;
    if (NUMBER[byte] === 1) end = i + 1;
    else if (!list || !BETWEEN.has(byte)) break;
    if (i < next) continue;
    next = i + EACH.bytes;
    yield;
  }
  return end;
}

function text(body: Buffer, start: number, end: number): string {
  const plain = body.toString("utf8", start, end);
  return plain.includes("\\") ? (JSON.parse(`"${plain}"`) as string) : plain;
}

function kindOf(open: readonly Frame[]): StringKind {
  const top = open[0]?.key ?? "";
  if (WORDS.has(open.at(-1)?.key ?? "")) return "word";
  if (SPOKEN.has(top)) return "said";
  return OWN.has(top) ? "own" : "word";
}

function take(body: Buffer, string: PromptString, open: readonly Frame[], strings: PromptString[]): void {
  const frame = open.at(-1);
  if (frame?.list === false) {
    if (string.key === "type") frame.type = text(body, string.start, string.end);
    else if (string.key === "role") frame.role = text(body, string.start, string.end);
    else if (string.key === "signature" || string.key === "encrypted_content")
      frame.signed ||= string.end > string.start;
  }
  const length = string.end - string.start;
  if (length === 0 || (string.kind === "word" && length < SHORTEST)) return;
  strings.push(string);
  if (frame?.list === false && open.length <= 5 && SIGNABLE.has(string.key)) frame.signable.push(string);
}

/** Says of the strings of an object what could be told only now that all of it was read. */
function close(frame: Frame, open: readonly Frame[], strings: readonly PromptString[]): void {
  if (frame.list || !SPOKEN.has(open[0]?.key ?? "")) return;
  if (/(?:_result|_output)$/.test(frame.type) || frame.role === "tool" || frame.role === "function")
    mark(strings, frame, "result");
  if (open.length === 4) for (const string of signedBlock(frame, open[3]?.key)) open[2]?.marks.push(string);
  if (open.length !== 2) return;
  if (frame.role === "assistant" || /_call$/.test(frame.type)) mark(strings, frame, "assistant");
  for (const string of signedIn(frame)) string.kind = "signed";
}

function mark(strings: readonly PromptString[], { first }: Frame, kind: StringKind): void {
  for (let i = first; i < strings.length; i++) {
    const string = strings[i] as PromptString;
    if (string.kind === "said") string.kind = kind;
  }
}

/** Anthropic's thinking, which its signature is about, and thinking that it encrypted; of OpenAI's reasoning the summary. */
function signedBlock({ type, signed, signable }: Frame, list: string | undefined): PromptString[] {
  const of = (...keys: string[]): PromptString[] => signable.filter(({ key }) => keys.includes(key));
  if (list === "summary") return type === "summary_text" ? of("text") : [];
  if (list !== "content") return [];
  if (type === "thinking" && signed) return of("thinking", "signature");
  return type === "redacted_thinking" ? of("data") : [];
}

/** Of an assistant's message its thinking; of OpenAI's reasoning and of what it made of a long dialogue no more than it signed. */
function signedIn({ type, role, signed, signable, marks }: Frame): PromptString[] {
  const thinking = role === "assistant" ? marks.filter(({ key }) => key !== "text") : [];
  if (!signed || (type !== "reasoning" && type !== "compaction")) return thinking;
  const item = signable.filter(({ key }) => key === "encrypted_content");
  return [...thinking, ...item, ...marks.filter(({ key }) => key === "text")];
}
