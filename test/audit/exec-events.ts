import type { EventDraft, EventRow } from "../../audit/event.ts";
import { Chains } from "../../audit/recorder/chain.ts";
import { draft } from "./rig.ts";

/** Milliseconds since the epoch: when the recorded terminals of these tests begin. */
export const BEGUN = Date.UTC(2026, 10, 22, 10);

/** Rows as the store gives them back, of drafts whose contents were left out. */
export function rowsOf(drafts: readonly Partial<EventDraft>[], writer = "w"): EventRow[] {
  const chains = new Chains({ tenant: "default", writer, newWriter: () => `${writer}2` });
  return drafts.map((over, i) => {
    const event = draft({ at_ms: BEGUN + i * 1000, exchange_id: "e-1", ...over });
    const payload = JSON.stringify(over.payload ?? {});
    return JSON.parse(chains.next({ draft: event, payload, requestBody: "", responseBody: "" }).line) as EventRow;
  });
}

/** A frame of a channel, `ms` after the beginning; without `text` its bytes are counted and not kept. */
export const frame = (ms: number, channel: string, text?: string | Buffer, bytes = text?.length ?? 9) => ({
  at: BEGUN + ms,
  channel,
  stream: 1,
  bytes,
  ...(text === undefined ? {} : { data: Buffer.from(text).toString("base64") }),
});

export const size = (ms: number, cols: number, rows: number) =>
  frame(ms, "resize", JSON.stringify({ Width: cols, Height: rows }));

export interface Exec {
  frames: ReturnType<typeof frame>[];
  tty?: boolean;
  command?: string[];
  /** How it ended: an exit code, or why it was cut. */
  end?: number | string;
  over?: Partial<EventDraft>;
}

/** The events of one exec: its intent, its frames in one event, and its end five seconds after its beginning. */
export function execDrafts({ frames, tty, command = ["sh"], end = 0, over = {} }: Exec): Partial<EventDraft>[] {
  const of = { verb: "get", resource: "pods", subresource: "exec", namespace: "a", name: "web", ...over };
  const input = { exec: { command, container: "app", stdin: true, tty } };
  const closed = typeof end === "number" ? { exitCode: end, reason: "the client closed it" } : { reason: end };
  return [
    { ...of, kind: "request.intent", at_ms: BEGUN, payload: tty === undefined ? {} : { input } },
    { ...of, kind: "stream.frame", at_ms: BEGUN + 4000, payload: { frames } },
    { ...of, kind: "stream.closed", at_ms: BEGUN + 5000, status: 101, payload: closed },
  ];
}

export const execRows = (exec: Exec): EventRow[] => rowsOf(execDrafts(exec));
