/**
 * What a string of a request is: a `word` of the API's or of a tool's definition; what the client's program says of itself
 * (`own`: the system prompt); what was `said`; a tool's `result`; what the `assistant` said; or `signed` by the provider.
 */
export type StringKind = "word" | "own" | "said" | "result" | "assistant" | "signed";

/** Where a string's characters stand, between its quotes, in bytes. */
export interface PromptString {
  start: number;
  end: number;
  kind: StringKind;
  /** The key that it stands under; of what stands in a list, the list's. */
  key: string;
}

interface Frame {
  list: boolean;
  key: string;
  /** The first string in it. */
  first: number;
  type: string;
  role: string;
  signed: boolean;
  /** Strings of the blocks of a message that are signed, if the message is the assistant's. */
  marks: PromptString[];
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** How often others may run while a body is read: each so many strings. */
const EACH = 4_096;
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
/** Nothing that is looked for is shorter. */
const SHORTEST = 8;

/**
 * Every string of a request to a model, its keys too, in the order in which they stand. Yields now and then, so that others may
 * run. `body` is JSON: throws where it is not, since nothing else may go unsearched.
 */
export function* promptStrings(body: Buffer): Generator<undefined, PromptString[]> {
  const strings: PromptString[] = [];
  const open: Frame[] = [];
  let expectKey = false;
  let next = EACH;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i] as number;
    if (byte === QUOTE) {
      const end = endOfString(body, i);
      const frame = open.at(-1);
      if (expectKey && frame !== undefined) {
        frame.key = text(body, i + 1, end);
        if (end - i > SHORTEST) strings.push({ start: i + 1, end, kind: "word", key: "" });
        expectKey = false;
      } else take(body, { start: i + 1, end, kind: kindOf(open), key: frame?.key ?? "" }, open, strings);
      i = end;
      if (strings.length < next) continue;
      next = strings.length + EACH;
      yield;
    } else if (byte === 0x7b || byte === 0x5b) {
      const list = byte === 0x5b;
      open.push({
        list,
        key: list ? (open.at(-1)?.key ?? "") : "",
        first: strings.length,
        type: "",
        role: "",
        signed: false,
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

function endOfString(body: Buffer, start: number): number {
  for (let end = body.indexOf(QUOTE, start + 1); end >= 0; end = body.indexOf(QUOTE, end + 1)) {
    let before = end - 1;
    while (body[before] === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  throw new Error("a prompt that is no JSON");
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
  if (string.kind !== "word" || string.end - string.start >= SHORTEST) strings.push(string);
}

/** Says of the strings of an object what could be told only now that all of it was read. */
function close(frame: Frame, open: readonly Frame[], strings: readonly PromptString[]): void {
  if (frame.list || !SPOKEN.has(open[0]?.key ?? "")) return;
  const all = strings.slice(frame.first);
  if (/(?:_result|_output)$/.test(frame.type) || frame.role === "tool" || frame.role === "function")
    mark(all, "result");
  if (open.length === 4) open[2]?.marks.push(...signedBlock(frame, all));
  if (open.length !== 2) return;
  if (frame.role === "assistant" || /_call$/.test(frame.type)) mark(all, "assistant");
  const signed = frame.role === "assistant" ? frame.marks : [];
  for (const string of [...signed, ...signedItem(frame, all)]) string.kind = "signed";
}

function mark(strings: readonly PromptString[], kind: StringKind): void {
  for (const string of strings) if (string.kind === "said") string.kind = kind;
}

/** Anthropic's thinking, which its signature is about, and thinking that it encrypted. */
function signedBlock({ type, signed }: Frame, strings: readonly PromptString[]): PromptString[] {
  if (type === "thinking" && signed) return strings.filter(({ key }) => key === "thinking" || key === "signature");
  return type === "redacted_thinking" ? strings.filter(({ key }) => key === "data") : [];
}

/** OpenAI's reasoning, and what it made of a long dialogue, as it encrypted them. */
function signedItem({ type, signed }: Frame, strings: readonly PromptString[]): readonly PromptString[] {
  return signed && (type === "reasoning" || type === "compaction") ? strings : [];
}
