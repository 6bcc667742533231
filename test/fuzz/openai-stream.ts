import { type GuardOptions, guardStream, type ReplyReader, type Wire } from "../../dialogue/openai/guard-stream.ts";
import type { ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict } from "../../dialogue/types.ts";
import { chunks, mutateBytes, mutateText } from "./mutate.ts";
import type { Seen } from "./openai-calls.ts";
import { Random } from "./random.ts";
import { crash, difference, emptyTally } from "./tally.ts";
import type { FuzzTarget, Tally } from "./target.ts";

/** What is fuzzed of a dialect. */
export interface Dialect {
  name: string;
  plant: string;
  make(random: Random): string;
  tokens: readonly string[];
  reader(wire: Wire): ReplyReader;
  /** The same, with the bug that `plant` says. */
  broken(wire: Wire): ReplyReader;
  calls(out: string): Seen[];
  /** What a client has of a stream, whatever the order in which pieces came that depend on nothing. */
  assembled(out: string): string;
  /** Whether something was put in because the stream itself lacked it. */
  completed?(stream: string, out: string): boolean;
}

function verdictOn(call: ToolCall): ToolCallVerdict {
  const turn = (call.text.length + call.id.length + call.index) % 3;
  if (turn === 0) return { effect: "release" };
  return turn === 1 ? { effect: "replace", text: "No." } : { effect: "rewrite", arguments: { rewritten: true } };
}

interface Run {
  out: string;
  /** What the provider keeps of it, in any order. */
  kept: string;
  summary: ReplySummary;
}

const OPTIONS: GuardOptions = { callBytes: 10_000, heldBytes: 100_000 };

async function run(parts: readonly Uint8Array[], readerOf: (wire: Wire) => ReplyReader): Promise<Run> {
  async function* upstream(): AsyncGenerator<Uint8Array> {
    yield* parts;
  }
  const made: string[] = [];
  const hooks: ReplyHooks = {
    toolCall: async (call) => verdictOn(call),
    kept: ({ kind, id }) => void made.push(`${kind} ${id}`),
  };
  const { bytes, summary } = guardStream(upstream(), hooks, OPTIONS, readerOf);
  const out: Uint8Array[] = [];
  for await (const piece of bytes) out.push(piece);
  return { out: Buffer.concat(out).toString(), kept: [...new Set(made)].sort().join(), summary: await summary };
}

/** Of what a client finds, nothing that was not asked about and let go, with just what was judged. */
function leaks(found: readonly Seen[], { toolCalls }: ReplySummary): Seen[] {
  const allowed = new Set<string>();
  for (const { call, verdict } of toolCalls) {
    const texts =
      verdict.effect === "release"
        ? [call.text]
        : verdict.effect === "rewrite"
          ? [JSON.stringify(verdict.arguments)]
          : [];
    for (const text of texts) allowed.add(JSON.stringify([call.id, call.name, text]));
  }
  return found.filter((seen) => !allowed.has(JSON.stringify(seen)));
}

function makeCase(random: Random, { make, tokens }: Dialect): Uint8Array {
  const reply = make(random);
  if (random.chance(0.1)) return mutateBytes(random, Buffer.from(reply));
  if (random.chance(0.2)) return Buffer.from(mutateText(random, reply, tokens));
  if (random.chance(0.1)) {
    const events = reply.split(/(?<=\n\n)/);
    const [event = ""] = events.splice(random.below(events.length), 1);
    if (random.chance(0.7))
      events.splice(random.below(events.length + 1), 0, event, ...(random.chance(0.5) ? [event] : []));
    return Buffer.from(events.join(""));
  }
  return Buffer.from(reply);
}

async function check(tally: Tally, dialect: Dialect, cut: Run, whole: Run, stream: string): Promise<void> {
  for (const { out, summary } of [cut, whole]) {
    const leaked = leaks(dialect.calls(out), summary);
    if (leaked.length > 0) difference(tally, `let through\n${JSON.stringify(leaked)}\nof\n${stream}\nas\n${out}`);
  }
  if (cut.summary.broken !== whole.summary.broken) {
    difference(tally, `ends otherwise where it is cut\n${stream}\n${cut.summary.broken}\n${whole.summary.broken}`);
  }
  if (whole.summary.broken !== undefined) {
    tally.refused++;
    return;
  }
  tally.accepted++;
  if (cut.kept !== whole.kept)
    difference(tally, `kept otherwise where it is cut\n${stream}\n${cut.kept}\n${whole.kept}`);
  if (cut.out !== whole.out && dialect.assembled(cut.out) !== dialect.assembled(whole.out)) {
    difference(tally, `cut, and whole\n${stream}\n${cut.out}\n${whole.out}`);
  }
  const released = whole.summary.toolCalls.every(({ verdict }) => verdict.effect === "release");
  const same = whole.out === stream || dialect.assembled(whole.out) === dialect.assembled(stream);
  if (released && !same && dialect.completed?.(stream, whole.out) !== true) {
    difference(tally, `other bytes\n${stream}\n${whole.out}`);
  }
}

export function openaiTarget(dialect: Dialect): FuzzTarget {
  return {
    name: dialect.name,
    plant: dialect.plant,
    open: async ({ planted }) => ({
      run: async (cases, seed) => {
        const random = new Random(seed);
        const tally = { ...emptyTally(), cases };
        const readerOf = planted ? dialect.broken : dialect.reader;
        for (let i = 0; i < cases; i++) {
          const bytes = makeCase(random, dialect);
          const stream = Buffer.from(bytes).toString();
          try {
            const cut = await run(chunks(random, bytes), readerOf);
            await check(tally, dialect, cut, await run([bytes], readerOf), stream);
            if (/unexpected error/.test(`${cut.summary.broken}`)) crash(tally, `${stream}\n${cut.summary.broken}`);
          } catch (error) {
            crash(tally, `${stream}\n${error instanceof Error ? error.stack : String(error)}`);
          }
        }
        return tally;
      },
      close: async () => {},
    }),
  };
}
