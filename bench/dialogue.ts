import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cpuUs } from "./child.ts";
import { streamReplies } from "./dialogue-clients.ts";
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

interface Spread {
  median: number;
  p99: number;
}
interface Turns {
  first: Spread[];
  later: Spread[];
  /** Microseconds of CPU of the process between for each piece that it passed on. */
  cpu: number[];
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
  const pinned = pin([gateway.child.pid, bare.pid]);
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
    const memory = await benchDialogueMemory(beside, through, say);
    sent += MEMORY_REQUESTS;
    return { mistakes, rows: [...latencyRows(turns, pinned), ...memory] };
  } finally {
    const code = await gateway.child.stop("SIGTERM");
    if (code !== 0) mistakes.push(`serve with replies ended with ${code} after SIGTERM`);
    const recorded = (await readRecorded(gateway.state.configFile)).find(({ connection }) => connection === "claude");
    if (recorded?.outcomes !== sent) mistakes.push(`${recorded?.outcomes ?? 0} of ${sent} replies are on record`);
  }
}

/** Holds processes to one core, each with all its threads (taskset of util-linux); where that cannot be, they use what there is. */
function pin(pids: readonly number[]): boolean {
  if (availableParallelism() < 2) return true;
  return pids.every((pid) => spawnSync("taskset", ["-a", "-c", "-p", "1", String(pid)]).status === 0);
}

/** Turn by turn, so that whatever else the machine does falls on all of them; the first turn is not counted. */
async function sideBySide(targets: Target[], count: (target: Target, streams: number) => void): Promise<Turns[]> {
  const all: Turns[] = targets.map(() => ({ first: [], later: [], cpu: [] }));
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const [i, target] of targets.entries()) {
      const before = target.pid === undefined ? Number.NaN : cpuUs(target.pid);
      const { first, later, streams } = await streamReplies(target, PACED);
      count(target, streams);
      const turns = all[i];
      if (turn === 0 || turns === undefined) continue;
      turns.first.push(spreadOf(first));
      turns.later.push(spreadOf(later));
      turns.cpu.push(
        target.pid === undefined ? Number.NaN : (cpuUs(target.pid) - before) / (first.length + later.length),
      );
    }
  }
  return all;
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
      value: medianOf(through.cpu),
      unit: "µs",
      beside: `${medianOf(bare.cpu).toFixed(0)} µs of the pass-through`,
    },
  ];
}
