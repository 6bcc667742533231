import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cpuUs } from "./child.ts";
import { type Heard, streamReplies } from "./dialogue-clients.ts";
import { benchDialogueMemory, MEMORY_REQUESTS } from "./dialogue-memory.ts";
import { startGateway } from "./gateway.ts";
import { medianOf, type Target } from "./load.ts";
import { readRecorded } from "./recorded.ts";
import type { Row } from "./table.ts";
import type { Benched, World } from "./world.ts";

const STREAMS = 200;
/** Two seconds of a model that says fifty pieces a second. */
const PACED = { model: "paced 100 20", streams: STREAMS, milliseconds: 5_000 };
const TURNS = 3;
/** Replies of one piece, so that what they cost is what a request does. */
const SHORT = { model: "paced 1 1", streams: 8, milliseconds: 2_000 };

interface Spread {
  median: number;
  p99: number;
}
interface Turns {
  first: Spread[];
  later: Spread[];
  /** Microseconds of CPU of the process between, for each request, and for each piece that it passed on besides. */
  request: number[];
  piece: number[];
}

/** Replies that stream: what the gateway adds to them beside the provider itself, in the same run. */
export async function benchDialogue(world: World): Promise<Benched> {
  const { directory, issuer, cluster, token, files, start, say } = world;
  const provider = await start("model-upstream", files.cert, files.key);
  const upstream = { server: `https://127.0.0.1:${provider.ready}`, caFile: files.ca };
  const bare = await start("pass-through", upstream.server, files.ca, files.cert, files.key);
  const folder = mkdtempSync(join(directory, "dialogue-"));
  writeFileSync(join(folder, "provider.key"), "no-key-of-anybody", { mode: 0o600 });
  const gateway = await startGateway({
    directory: folder,
    issuer,
    cluster,
    stub: upstream,
    token,
    change(config) {
      const credential = { keyFile: "provider.key" };
      (config.connections as object[]).push({ name: "claude", kind: "anthropic", ...upstream, credential });
    },
  });
  const relay = await start("tls-relay", upstream.server, files.ca, files.cert, files.key);
  const pinned = pin([gateway.child.pid, bare.pid, relay.pid], "1") && pin([process.pid, provider.pid], OTHERS);
  const direct: Target = { name: "direct", origin: upstream.server, caFile: files.ca, path: "/v1/messages" };
  const beside: Target = { ...direct, name: "pass-through", origin: `https://127.0.0.1:${bare.ready}`, pid: bare.pid };
  const through: Target = {
    name: "gateway",
    origin: gateway.origin,
    caFile: gateway.state.caFile,
    path: "/connections/claude/v1/messages",
    headers: { authorization: `Bearer ${gateway.sessionToken}` },
    pid: gateway.child.pid,
  };
  const mistakes: string[] = [];
  let sent = 0;
  try {
    say(`measuring ${STREAMS} replies that stream at once`);
    const turns = await sideBySide([direct, beside, through], (target, streams) => {
      if (target === through) sent += streams;
    });
    const sockets: Target = { ...beside, name: "sockets", origin: `https://127.0.0.1:${relay.ready}`, pid: relay.pid };
    const memory = await benchDialogueMemory({ bare: beside, sockets, through }, say);
    sent += MEMORY_REQUESTS;
    return { mistakes, rows: [...latencyRows(turns, pinned), ...memory] };
  } finally {
    pin([process.pid], ALL);
    const code = await gateway.child.stop("SIGTERM");
    if (code !== 0) mistakes.push(`serve with replies ended with ${code} after SIGTERM`);
    const recorded = (await readRecorded(gateway.state.configFile)).find(({ connection }) => connection === "claude");
    if (recorded?.outcomes !== sent) mistakes.push(`${recorded?.outcomes ?? 0} of ${sent} replies are on record`);
  }
}

const CORES = availableParallelism();
const ALL = `0-${CORES - 1}`;
/** All but the one that what is measured is held to: who asks and who answers must not take of it. */
const OTHERS = CORES > 2 ? `0,2-${CORES - 1}` : "0";

/** Holds processes to cores, each with all its threads (taskset of util-linux); where that cannot be, they use what there is. */
function pin(pids: readonly number[], cores: string): boolean {
  if (CORES < 2) return true;
  return pids.every((pid) => spawnSync("taskset", ["-a", "-c", "-p", cores, String(pid)]).status === 0);
}

/** Turn by turn, so that whatever else the machine does falls on all of them; the first turn is not counted. */
async function sideBySide(targets: Target[], count: (target: Target, streams: number) => void): Promise<Turns[]> {
  const all: Turns[] = targets.map(() => ({ first: [], later: [], request: [], piece: [] }));
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const [i, target] of targets.entries()) {
      const short = await measured(target, SHORT);
      const { first, later, streams, cpu } = await measured(target, PACED);
      count(target, short.streams + streams);
      const turns = all[i];
      if (turn === 0 || turns === undefined) continue;
      turns.first.push(spreadOf(first));
      turns.later.push(spreadOf(later));
      const request = short.cpu / short.streams;
      turns.request.push(request);
      turns.piece.push((cpu - streams * request) / later.length);
    }
  }
  return all;
}

/** `cpu`: microseconds of the process between. */
async function measured(target: Target, paced: typeof PACED): Promise<Heard & { cpu: number }> {
  const cpu = (): number => (target.pid === undefined ? Number.NaN : cpuUs(target.pid));
  const before = cpu();
  const heard = await streamReplies(target, paced);
  return { ...heard, cpu: cpu() - before };
}

function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { median: at(0.5), p99: at(0.99) };
}

function latencyRows([direct, bare, through]: Turns[], pinned: boolean): Row[] {
  if (direct === undefined || bare === undefined || through === undefined) throw new Error("not all were measured");
  const core = pinned ? "on one core" : "on all cores, for want of taskset";
  const named = [
    ["first", "until the first words"],
    ["later", "between a piece's write and its read"],
  ] as const;
  const rows = named.flatMap(([what, words]): Row[] =>
    (["median", "p99"] as const).flatMap((at): Row[] => {
      const of = (turns: Turns): number => medianOf(turns[what].map((spread) => spread[at]));
      // By turns: both of one turn had the same machine.
      const added = (turns: Turns): number =>
        medianOf(turns[what].map((spread, i) => spread[at] - (direct[what][i]?.[at] ?? Number.NaN)));
      return [
        { what: `${STREAMS} replies: direct, ${words}, ${at}`, value: of(direct), unit: "ms" },
        {
          what: `${STREAMS} replies: gateway adds, ${words}, ${at}`,
          value: added(through),
          unit: "ms",
          aim: { at: "most", value: at === "median" ? 1 : 3 },
          beside: `${core}; a bare pass-through adds ${added(bare).toFixed(2)} ms`,
        },
      ];
    }),
  );
  return [
    ...rows,
    {
      what: `${STREAMS} replies: gateway, CPU of a piece`,
      value: medianOf(through.piece),
      unit: "µs",
      beside: `${medianOf(bare.piece).toFixed(0)} µs of the pass-through`,
    },
    {
      what: "a short reply: gateway, CPU of a request of 20 KB",
      value: medianOf(through.request),
      unit: "µs",
      beside: `${medianOf(bare.request).toFixed(0)} µs of the pass-through`,
    },
  ];
}
