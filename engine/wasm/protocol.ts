import type { Program } from "./instance.ts";

/** To the worker: a program to keep, or an input to evaluate with one that it has. */
export type ToWorker =
  | { kind: "load"; id: number; program: Program }
  | { kind: "evaluate"; id: number; key: string; input: ArrayBuffer };

/** From the worker, one for each message to it; `cpu` in microseconds is what its thread has taken since it began. */
export type FromWorker = { id: number; cpu: number } & (
  | { ok: true; result?: unknown; us: number }
  | { ok: false; error: string }
);
