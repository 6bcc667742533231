import { parentPort } from "node:worker_threads";
import { errorMessage } from "../../base/errors.ts";
import { PolicyInstance } from "./instance.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** The policies in force and the one before: requests that began under it may still be judged. */
const KEPT = 3;
const instances = new Map<string, PolicyInstance>();

function handle(message: ToWorker): unknown {
  if (message.kind === "load") {
    instances.set(message.program.key, new PolicyInstance(message.program));
    const oldest = instances.keys().next().value;
    if (instances.size > KEPT && oldest !== undefined) instances.delete(oldest);
    return [...instances.keys()];
  }
  const instance = instances.get(message.key);
  if (instance === undefined) throw new Error("the worker has no such policy");
  return instance.evaluate(message.input);
}

parentPort?.on("message", (message: ToWorker) => {
  let answer: FromWorker;
  const { id } = message;
  try {
    const started = performance.now();
    const result = handle(message);
    answer = { id, cpu: threadCpu(), ok: true, result, us: (performance.now() - started) * 1000 };
  } catch (error) {
    answer = { id, cpu: threadCpu(), ok: false, error: errorMessage(error) };
  }
  parentPort?.postMessage(answer);
});

function threadCpu(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
