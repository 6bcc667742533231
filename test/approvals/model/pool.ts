import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { add, type ModelResult } from "./model.ts";

const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

export interface PoolOptions {
  home: string;
  cases: number;
  seed: number;
  processes: number;
  withoutSwap?: boolean;
  /** Milliseconds since the epoch: what has not begun by then is not run. */
  until?: number | undefined;
}

/** Runs the cases of one home in several processes, each with a seed of its own, and adds up what they say. */
export async function runInProcesses({
  home,
  cases,
  seed,
  processes,
  withoutSwap,
  until,
}: PoolOptions): Promise<ModelResult> {
  const shares = Array.from({ length: processes }, (_, i) => Math.floor((cases + i) / processes)).filter((n) => n > 0);
  const results = await Promise.all(
    shares.map((share, i) =>
      worker([
        home,
        String(share),
        String(seed + i),
        withoutSwap === true ? "without-swap" : "with-swap",
        ...(until === undefined ? [] : [String(until)]),
      ]),
    ),
  );
  const total: ModelResult = { lengths: [], fired: {}, states: {} };
  for (const { lengths, fired, states, failure } of results) {
    total.lengths.push(...lengths);
    for (const [kind, count] of Object.entries(fired)) add(total.fired, kind, count);
    for (const [state, count] of Object.entries(states)) add(total.states, state, count);
    if (failure !== undefined) total.failure = total.failure === undefined ? failure : `${total.failure}\n\n${failure}`;
  }
  return total;
}

function worker(args: readonly string[]): Promise<ModelResult> {
  const child = spawn(process.execPath, [WORKER, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(out) as ModelResult);
      else reject(new Error(`a process of the model ended with ${code}: ${args.join(" ")}`));
    });
  });
}
