import { Worker } from "node:worker_threads";
import { Refusal, type RefusalCode } from "../../base/errors.ts";
import { malformed } from "./json.ts";

export interface ToThread {
  id: number;
  text: string;
  costLimit: number;
}

export type FromThread =
  | { id: number; json: string }
  | { id: number; refusal: { code: RefusalCode; message: string; next: string } };

/** Texts that are read and wait, together. */
const QUEUE = 64;
/** The most expensive text that is taken needs 0.6 s of a core that has nothing else to do. */
const DEADLINE_MS = 10_000;
/** A thread that had nothing to do for so long is ended. */
const IDLE_MS = 30_000;

let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
let last: Promise<unknown> = Promise.resolve();
let waiting = 0;
let nextId = 1;

/**
 * Reads YAML on a thread of its own, one text after the other, since it takes up to 0.6 s and everybody waits for the
 * main thread: `text` as the JSON that `parseYaml` makes of it. Rejects with what that throws; with `malformed-body`
 * where it is no mapping or is not read in time, and with `too-many` where 64 wait.
 */
export async function yamlToJson(text: string, costLimit: number): Promise<string> {
  if (waiting >= QUEUE) {
    throw new Refusal("too-many", "too many large YAML bodies wait to be read", {
      next: "Send JSON, as kubectl does.",
    });
  }
  waiting += 1;
  clearTimeout(idle);
  const turn = last.then(() => ask(text, costLimit));
  // Who asked hears of a failure; the next in the queue only waits for the end.
  last = turn.catch(() => undefined);
  try {
    return await turn;
  } finally {
    waiting -= 1;
    if (waiting === 0) idle = setTimeout(end, IDLE_MS).unref();
  }
}

function end(): void {
  const ended = worker;
  worker = undefined;
  void ended?.terminate();
}

function start(): Worker {
  // Beside us as source or as compiled for npm: tsc rewrites imports, and not URLs.
  const file = import.meta.url.endsWith(".ts") ? "./yaml-thread.ts" : "./yaml-thread.js";
  const started = new Worker(new URL(file, import.meta.url), {
    execArgv: [],
    name: "yaml",
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  // Without a listener an error that nobody waits for would end the process.
  started.on("error", () => {
    if (worker === started) worker = undefined;
  });
  started.unref();
  return started;
}

function ask(text: string, costLimit: number): Promise<string> {
  worker ??= start();
  const asked = worker;
  const id = nextId++;
  return new Promise<string>((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      asked.off("message", onMessage).off("error", onEnd).off("exit", onEnd);
      asked.unref();
      act();
    };
    const onMessage = (answer: FromThread): void => {
      settle(() => {
        if ("json" in answer) resolve(answer.json);
        else reject(new Refusal(answer.refusal.code, answer.refusal.message, { next: answer.refusal.next }));
      });
    };
    const onEnd = (cause: unknown): void => {
      if (worker === asked) worker = undefined;
      settle(() => reject(new Refusal("internal", "the thread that reads YAML ended", { cause })));
    };
    const timer = setTimeout(() => {
      end();
      settle(() => reject(malformed("its YAML could not be read in time")));
    }, DEADLINE_MS);
    asked.ref();
    asked.on("message", onMessage).on("error", onEnd).on("exit", onEnd);
    asked.postMessage({ id, text, costLimit } satisfies ToThread);
  });
}
