import { describe, expect, test } from "vitest";
import { CALL_BYTES } from "../../../dialogue/openai/guard-stream.ts";
import { type Decide, guarded, type Name, release, stream } from "./streams.ts";

const BOTH: Name[] = ["openai-chat", "openai-responses"];

type Break = (text: string) => string | Uint8Array;

/** Of an event whose data hold `what`, the text; the stream is cut into events first. */
function events(text: string): string[] {
  return text.split(/(?<=\n\n)/);
}

const at = (text: string, what: string): number => events(text).findIndex((event) => event.includes(what));
const twice =
  (what: string): Break =>
  (text) =>
    events(text)
      .flatMap((event, i) => (i === at(text, what) ? [event, event] : [event]))
      .join("");
const upTo =
  (what: string): Break =>
  (text) =>
    events(text).slice(0, at(text, what)).join("");
const before =
  (what: string, event: string): Break =>
  (text) =>
    events(text)
      .flatMap((each, i) => (i === at(text, what) ? [event, each] : [each]))
      .join("");

/** Streams that end within a call, whichever way: the client gets nothing of it, and hears why. */
const ANY: [what: string, broken: Break, why: RegExp][] = [
  ["nothing", () => "", /ended/],
  ["a page of HTML", () => "<html>no</html>\n\n", /ended/],
  ["data that are no JSON", (text) => text.replace("kubectl", '"'), /not valid JSON/],
  ["a key that stands twice", (text) => text.replace('"run_shell"', '"ls","name":"run_shell"'), /stands twice/],
  ["a key that some readers take for another", (text) => text.replace('"arguments":""', '"argument\u017f":""'), /readers differ/],
  ["invalid UTF-8", (text) => Buffer.from(text.replace("kubectl", "\u00ff"), "latin1"), /UTF-8/],
  ["data on several lines", (text) => text.replace('data: {', 'data: {\ndata: '), /several lines/],
  ["two names of an event", (text) => text.replace("data: ", "event: a\nevent: b\ndata: "), /two names/],
  ["an end within an event", (text) => text.slice(0, text.lastIndexOf("run_shell") + 3), /within an event/],
  ["a name that is no text", (text) => text.replaceAll('"run_shell"', "7"), /name is no text/],
  ["half a character in its name", (text) => text.replaceAll('"run_shell"', '"run\\ud83d"'), /no usable name/],
  ["a name without end", (text) => text.replaceAll('"run_shell"', `"${"x".repeat(300)}"`), /no usable name/],
  ["no name", (text) => text.replaceAll('"run_shell"', '""'), /no name/],
]; // biome-ignore format: a row a stream

const OF: Record<Name, [what: string, broken: Break, why: RegExp][]> = {
  "openai-chat": [
    ["arguments that never complete", upTo('"finish_reason":"tool_calls"'), /ended within a message/],
    ["no [DONE]", upTo("[DONE]"), /without \[DONE\]/],
    ["something behind [DONE]", (text) => `${text}data: {"choices":[]}\n\n`, /went on after/],
    ["[DONE] and more", (text) => text.replace("[DONE]", "[DONE]]"), /more than \[DONE\]/],
    ["calls that are interleaved", before('"finish_reason":"tool_calls"', `${chunk(1, "call_2")}${chunk(0)}`), /interleaved/],
    ["calls that are out of order", (text) => text.replaceAll('"tool_calls":[{"index":0', '"tool_calls":[{"index":5').replace('{"index":5,"function"', `{"index":0,"function"`), /out of order/],
    ["a call behind the end of its message", before("[DONE]", chunk(1, "call_2")), /after the end/],
    ["a call that changes its id", before('"finish_reason":"tool_calls"', chunk(0, "call_2")), /changed its id/],
    ["a call that changes its name", before('"finish_reason":"tool_calls"', chunk(0, "", "other")), /changed its name/],
    ["two calls with one id", before('"finish_reason":"tool_calls"', chunk(1, "call_R7", "ls")), /one id/],
    ["a call with no index", (text) => text.replaceAll('[{"index":0,"id"', '[{"id"'), /index is no number/],
    ["a call at a place far out", (text) => text.replaceAll('"tool_calls":[{"index":0', '"tool_calls":[{"index":100000'), /index is no number/],
    ["a call of an unknown type", (text) => text.replace('"type":"function"', '"type":"hologram"'), /nobody knows/],
    ["a call of two types", (text) => text.replace('"type":"function"', '"type":"function","custom":{}'), /two types/],
    ["a call beside the pieces of its message", (text) => text.replace('"finish_reason":"tool_calls"', '"message":{"tool_calls":[{}]}'), /beside the pieces/],
    ["an error that is a piece as well", (text) => text.replace('"finish_reason":"tool_calls"', '"finish_reason":null}],"error":{"code":1},"x":[{"y":1'), /as well/],
  ],
  "openai-responses": [
    ["arguments that never complete", upTo("function_call_arguments.done"), /before response.completed/],
    ["a call that is never whole", (text) => [...events(text).slice(0, 3), completed([])].join(""), /never whole/],
    ["no response.completed", upTo("response.completed"), /before response.completed/],
    ["something behind its end", (text) => text + events(text)[0], /went on after/],
    ["a call that begins twice", twice("output_item.added"), /began twice|came twice/],
    ["a call that ends twice", twice("output_item.done"), /ended twice|came twice/],
    ["an event that comes twice", twice("arguments.delta"), /came twice/],
    ["calls in the response before they came", (text) => text.replace('"output":[]', '"output":[{"type":"function_call","name":"run_shell"}]'), /before it came/],
    ["pieces of a call that has not begun", (text) => events(text).filter((event) => !event.includes("output_item.added")).join(""), /before the call/],
    ["a call that changes its id", (text) => text.replace('"call_id":"call_R7"', '"call_id":"call_other"'), /changed its id/],
    ["a call that changes its name", (text) => text.replace('"name":"run_shell"', '"name":"ls"'), /changed its name/],
    ["a call that is not what its pieces were", (text) => text.replace('"delta":"delete ns', '"delta":"get ns'), /not what its pieces were/],
    ["a call that is another one in the whole response", (text) => [...events(text).slice(0, -1), completed([{ type: "function_call", id: "fc_1", call_id: "call_R7", name: "run_shell", arguments: "{}" }])].join(""), /another one/],
    ["a call that stands twice in the whole response", (text) => text.replace(/"output":\[(\{[^\]]*\})\]/, '"output":[$1,$1]'), /stands twice in the response/],
    ["an item that turns into a call", (text) => events(text).flatMap((event) => (event.includes("output_item.added") ? [MESSAGE] : event.includes("arguments") && !event.includes("item.done") ? [] : [event])).join(""), /changed its type/],
    ["an event of two types", (text) => text.replace("event: response.output_item.added", "event: response.in_progress"), /two types/],
    ["pieces of a call with no text", (text) => events(text).map((event) => (event.includes("arguments.delta") ? event.replace('"delta":', '"dglta":') : event)).join(""), /piece of a call has no text/],
    ["an event of two items", (text) => text.replace('"output_index":0,"delta"', '"output_index":1,"delta"'), /two items/],
    ["an event of a type nobody knows, with a call", before("response.completed", 'data: {"type":"response.new","sequence_number":99,"item":{"type":"function_call"}}\n\n'), /before the call|came twice/],
    ["an error that is an event of a call as well", before("response.completed", 'event: error\ndata: {"type":"response.output_item.done","sequence_number":99,"output_index":3,"item":{"type":"function_call","call_id":"x","name":"run_shell","arguments":"{}"}}\n\n'), /as well/],
    ["a piece of another type than its call", (text) => text.replace(/(event: |"type":")response\.function_call_arguments\.delta/g, "$1response.custom_tool_call_input.delta"), /another type/],
    ["an event of a call that cannot be read", before("output_item.done", 'data: {"type":"response.function_call.note","output_index":0,"note":"x"}\n\n'), /cannot be read/],
  ],
}; // biome-ignore format: a row a stream

const MESSAGE =
  'data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"m"}}\n\n';

function chunk(index: number, id = "", name = ""): string {
  const call = { index, ...(id && { id }), function: { ...(name && { name }), arguments: "" } };
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })}\n\n`;
}

function completed(output: object[]): string {
  const data = {
    type: "response.completed",
    sequence_number: 90,
    response: { id: "resp_1f", status: "completed", output },
  };
  return `event: response.completed\ndata: ${JSON.stringify(data)}\n\n`;
}

const cases = BOTH.flatMap((dialect) =>
  [...ANY, ...OF[dialect]].map((row): [Name, ...typeof row] => [dialect, ...row]),
);

/** Nobody decides before the stream is over, so that what goes out is what was not held back. */
const late: Decide = () => new Promise((resolve) => setTimeout(() => resolve({ effect: "release" }), 20));

test.each(cases)(
  "of %s, a stream with %s ends with an error, a reason, and nothing of the call",
  async (dialect, what, broken, why) => {
    const text = stream(dialect, "short").toString();
    const bytes = Buffer.from(broken(text));
    expect(bytes.toString()).not.toBe(text);
    for (const size of [bytes.length || 1, 7]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      const result = await guarded(dialect, pieces, late);
      expect(result.summary.broken).toMatch(why);
      const out = result.bytes.toString();
      if (what === "no [DONE]" || what.startsWith("something behind")) continue;
      expect(out).toContain("The gateway ended this reply");
      expect(out).not.toContain("call_R7");
      expect(out).not.toContain("kubectl");
    }
  },
);

test("a stream without [DONE] whose messages all ended is whole to the client, and amiss in the record", async () => {
  const text = stream("openai-chat", "short").toString().replace("data: [DONE]\n\n", "");
  const { bytes, summary } = await guarded("openai-chat", [Buffer.from(text)], release);
  expect(bytes.toString()).toBe(text);
  expect(summary.broken).toBe("the reply ended without [DONE]");
});

describe.each(BOTH)("of %s", (dialect) => {
  test("a reply that is whole is passed on whole, however the connection to the provider ends", async () => {
    const bytes = stream(dialect, "short");
    async function* upstream(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new Error("reset");
    }
    const result = await guarded(dialect, upstream(), late);
    expect(result.bytes.equals(bytes)).toBe(true);
    expect(result.summary.broken).toBeUndefined();
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, -20);
      throw new Error("reset");
    }
    const { summary, bytes: out } = await guarded(dialect, cut(), late);
    expect(summary.broken).toBe("the connection to the provider broke");
    expect(out.toString()).not.toContain("call_R7");
  });

  test("arguments of 50 MB end the reply, and little of them is kept", { timeout: 60_000 }, async () => {
    const text = stream(dialect, "short").toString();
    const piece = events(text).find((event) => event.includes("kubectl")) ?? "";
    const long = piece.replace("kubectl", "x".repeat(65_536)).replace(/"sequence_number":\d+,/, "");
    async function* upstream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(upToFirst(text));
      for (let i = 0; i < 800; i++) {
        sent++;
        yield Buffer.from(long);
      }
    }
    const upToFirst = (whole: string): string => events(whole).slice(0, at(whole, "kubectl")).join("");
    let sent = 0;
    const { bytes, summary } = await guarded(dialect, upstream(), release);
    expect(summary.broken).toMatch(new RegExp(`more than ${CALL_BYTES} characters`));
    expect(bytes.length).toBeLessThan(3000);
    expect(sent).toBeLessThan(300);
  });

  test("an event that is never over ends the reply", { timeout: 60_000 }, async () => {
    async function* upstream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("data: ");
      const filler = Buffer.alloc(1024 * 1024, "x");
      for (let i = 0; i < 50; i++) yield filler;
    }
    const { summary } = await guarded(dialect, upstream(), release);
    expect(summary.broken).toMatch(/longer than/);
  });

  test("an error of the provider comes to the client as it is, and a call that was not whole does not", async () => {
    const text = stream(dialect, "short").toString();
    const error =
      dialect === "openai-chat"
        ? 'data: {"error":{"message":"Overloaded.","type":"server_error","code":"overloaded"}}\n\n'
        : 'event: error\ndata: {"type":"error","sequence_number":50,"code":"overloaded","message":"Overloaded.","param":null}\n\n';
    const cut = events(text).slice(0, at(text, "delete ns")).join("") + error;
    const { bytes, summary } = await guarded(dialect, [Buffer.from(cut)], release);
    expect(bytes.toString().endsWith(error)).toBe(true);
    expect(bytes.toString()).not.toContain("call_R7");
    expect(summary.broken).toBe("the provider ended it: overloaded");
  });
});

test("a response that fails comes without the calls that nobody decided", async () => {
  const text = stream("openai-responses", "short").toString();
  const failed =
    events(text)
      .at(-1)
      ?.replaceAll("response.completed", "response.failed")
      .replace('"status":"completed"', '"status":"failed","error":{"code":"server_error"}') ?? "";
  const cut = events(text).slice(0, 3).join("") + failed;
  const { bytes, summary } = await guarded("openai-responses", [Buffer.from(cut)], release);
  expect(bytes.toString()).toContain('"output":[]');
  expect(bytes.toString()).not.toContain("call_R7");
  expect(summary.broken).toBe("the provider ended it: server_error");
});
