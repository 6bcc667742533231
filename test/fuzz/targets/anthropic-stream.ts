import { readdirSync, readFileSync } from "node:fs";
import { Refusal } from "../../../base/errors.ts";
import { ReplyGuard } from "../../../dialogue/anthropic/reply-guard.ts";
import { BrokenReply } from "../../../dialogue/sse/broken-reply.ts";
import { SseError, type SseEvent, SseReader } from "../../../dialogue/sse/sse-reader.ts";
import type { ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";
import { chunks, mutateBytes, mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

const FOLDER = new URL("../../dialogue/streams/anthropic/", import.meta.url);
const SHORT = 4_000;
/** Of the recorded streams, each event for itself: they are put together anew. */
const EVENTS = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".sse"))
  .map((file) => readFileSync(new URL(file, FOLDER), "utf8"))
  .filter((text) => text.length < SHORT)
  .map((text) => text.split(/(?<=\n\n)/));
const TOKENS = [
  '"type":"tool_use"',
  '"type":"text"',
  '"index":1',
  '"index":0',
  '"content_block":{"type":"tool_use","id":"t","name":"N","input":{"a":"b"}}',
  '"name":"x"',
  '"input":{}',
  '"input":{"a":1}',
  '"partial_json":"{}"',
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "input_json_delta",
  "event: content_block_start\ndata: ",
  'event: ping\ndata: {"type": "ping"}\n\n',
  "\n",
  "\r",
  "\n\n",
  ",",
  "}",
  '"',
  "\\",
];

/** What a client is sent and what was asked about it, in whatever pieces the stream came. */
interface Run {
  out: string;
  broken: string | undefined;
  asked: { call: ToolCall; verdict: ToolCallVerdict }[];
}

function verdictOn(call: ToolCall): ToolCallVerdict {
  const turn = (call.text.length + call.id.length + call.index) % 3;
  if (turn === 0) return { effect: "release" };
  return turn === 1 ? { effect: "replace", text: "No." } : { effect: "rewrite", arguments: { rewritten: true } };
}

/** `slow`: a verdict comes some events later, as a person's does. */
function run(guard: ReplyGuard, parts: readonly Uint8Array[], slow: () => boolean): Run {
  const reader = new SseReader();
  const out: Uint8Array[] = [];
  const asked: Run["asked"] = [];
  const open: Run["asked"] = [];
  let broken: string | undefined;
  const settle = (those: Run["asked"]): void => {
    for (const { call, verdict } of those) guard.settle(call, verdict);
    out.push(...guard.take());
  };
  const read = (event: SseEvent): void => {
    if (guard.ended) return;
    for (const call of guard.read(event)) {
      const each = { call, verdict: verdictOn(call) };
      asked.push(each);
      open.push(each);
    }
    out.push(...guard.take());
    if (!slow()) settle(open.splice(slow() ? 1 : 0));
  };
  try {
    for (const part of parts) for (const event of reader.push(part)) read(event);
    for (const event of reader.end()) read(event);
    if (!guard.ended) guard.end();
  } catch (error) {
    if (!(error instanceof BrokenReply || error instanceof SseError)) throw error;
    broken = error.message;
  }
  settle(open);
  return { out: Buffer.concat(out).toString("latin1"), broken: broken ?? guard.summary.broken, asked };
}

/**
 * Every tool call that a client could find, if it went by the event's name or by the data's type, by one data line or by
 * all of them: more than any client does.
 */
function callsSeen(text: string): { id: unknown; input: string }[] {
  const found: { id: unknown; input: string }[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { type, id, name, input, partial_json: more } = value as Record<string, unknown>;
    if (type === "server_tool_use" || type === "mcp_tool_use") found.push({ id: undefined, input: "" });
    else if (type === "input_json_delta") {
      const last = found[found.length - 1];
      if (last === undefined) found.push({ id: "nobody", input: String(more) });
      else last.input += String(more);
    } else if (type === "tool_use" || (typeof name === "string" && input !== undefined)) {
      found.push({ id, input: JSON.stringify(input ?? {}).replace(/^\{\}$/, "") });
    }
    for (const item of Object.values(value)) look(item);
  };
  let lines: string[] = [];
  for (const line of Buffer.from(text, "latin1")
    .toString()
    .split(/\r\n|\n|\r/)) {
    if (line.startsWith("data:")) lines.push(line.slice(5));
    const texts =
      line === "" ? (lines.length > 1 ? [lines.join("\n")] : []) : line.startsWith("data:") ? lines.slice(-1) : [];
    for (const each of texts) {
      try {
        look(JSON.parse(each));
      } catch {}
    }
    if (line === "") lines = [];
  }
  return found.filter(({ id }) => id !== undefined);
}

/** Of what a client finds, nothing that was not asked about and let go, with just the input that was judged. */
function checkLeaks(tally: Tally, stream: string, { out, asked }: Run): void {
  const allowed = new Set(
    asked.flatMap(({ call, verdict }) => {
      if (verdict.effect === "replace") return [];
      const input = verdict.effect === "rewrite" ? verdict.arguments : (call.arguments ?? "none");
      return [JSON.stringify([call.id, input])];
    }),
  );
  for (const { id, input } of callsSeen(out)) {
    let parsed: unknown = "not JSON";
    try {
      parsed = input === "" ? {} : JSON.parse(input);
    } catch {}
    if (!allowed.has(JSON.stringify([id, parsed]))) {
      difference(tally, `let through\n${JSON.stringify({ id, input })}\nof\n${stream}\nas\n${out}`);
    }
  }
}

/** Blocks of recorded replies in a new order, with their indexes put right. */
function makeReply(random: Random): string {
  const of = random.pick(EVENTS);
  const start = of.find((event) => event.includes("event: message_start")) ?? "";
  const blocks = Array.from({ length: random.below(4) }, () => {
    const from = random.pick(EVENTS);
    const begins = from.flatMap((event, i) => (event.includes("event: content_block_start") ? [i] : []));
    const begin = random.pick(begins);
    const length = from.slice(begin).findIndex((event) => event.includes("event: content_block_stop")) + 1;
    return from.slice(begin, begin + length);
  });
  const placed = blocks.map((events, index) => {
    const calls = `_${index}_`;
    return events
      .map((event) => event.replace(/"index":\d+/, `"index":${index}`).replace(/toolu_/, `toolu${calls}`))
      .join("");
  });
  const end = of.slice(of.findLastIndex((event) => event.includes("event: message_delta")));
  return [start, ...placed, ...end].join("");
}

function makeCase(random: Random): Uint8Array {
  const reply = makeReply(random);
  if (random.chance(0.1)) return mutateBytes(random, Buffer.from(reply));
  if (random.chance(0.3)) return Buffer.from(mutateText(random, reply, TOKENS));
  if (random.chance(0.01)) return random.bytes(random.below(300));
  return Buffer.from(reply);
}

function runWith(make: () => ReplyGuard): (cases: number, seed: number) => Promise<Tally> {
  return async (cases, seed) => {
    const random = new Random(seed);
    const tally = { ...emptyTally(), cases };
    for (let i = 0; i < cases; i++) {
      const bytes = makeCase(random);
      const stream = Buffer.from(bytes).toString("latin1");
      const outcome = attempt(
        () => {
          const result = run(make(), chunks(random, bytes), () => random.chance(0.7));
          const whole = run(make(), [bytes], () => false);
          if (JSON.stringify(result) !== JSON.stringify(whole)) {
            difference(tally, `cut, and whole\n${stream}\n${JSON.stringify(result)}\n${JSON.stringify(whole)}`);
          }
          checkLeaks(tally, stream, result);
          const released = result.asked.every(({ verdict }) => verdict.effect === "release");
          if (
            result.broken === undefined &&
            released &&
            result.out !== stream &&
            !result.out.includes("could not be judged")
          ) {
            difference(tally, `other bytes\n${stream}\n${result.out}`);
          }
          if (result.broken !== undefined) throw new Refusal("malformed-body", result.broken);
        },
        () => stream,
      );
      if ("crash" in outcome) crash(tally, outcome.crash);
      else if ("refusal" in outcome) tally.refused++;
      else tally.accepted++;
    }
    return tally;
  };
}

class PassesWhole extends ReplyGuard {
  #passed: Uint8Array[] = [];
  override read(event: SseEvent): ToolCall[] {
    if (/"input":\{"/.test(event.data ?? "")) this.#passed.push(event.bytes);
    return super.read(event);
  }
  override take(): Uint8Array[] {
    return [...super.take(), ...this.#passed.splice(0)];
  }
}

const target: FuzzTarget = {
  name: "anthropic-stream",
  plant: "a call whose block begins with its input goes out before it is decided",
  open: async ({ planted }) => ({
    run: runWith(() => (planted ? new PassesWhole() : new ReplyGuard())),
    close: async () => {},
  }),
};
export default target;
