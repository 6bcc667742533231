import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { EventDraft, EventRow, Recorder } from "../../audit/event.ts";
import { openRecorder, type RecorderOptions } from "../../audit/recorder/recorder.ts";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { newStore } from "../new-store.ts";

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});

export function cleanup(action: () => Promise<void> | void): void {
  undo.push(action);
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sallyport-audit-"));
  cleanup(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A folder that stays for all tests of a file. */
export function keptFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "sallyport-audit-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function recorderOptions(path: string, spool: Partial<RecorderOptions["spool"]> = {}): RecorderOptions {
  return {
    tenant: "default",
    spool: { path: join(path, "spool"), maxBytes: 1_073_741_824, onFull: "refuse", ...spool },
    store: { embedded: join(path, "store") },
    log: silentLog,
    clock: systemClock,
  };
}

export async function recorder(options: RecorderOptions): Promise<Recorder & StoreReader> {
  if ("embedded" in options.store) await newStore(options.store.embedded);
  const opened = await openRecorder(options);
  cleanup(() => opened.close().catch(() => {})); // some tests leave it unable to close well
  return opened;
}

/** A store opened for reading by this process; the recorder has to be closed. */
export async function reader(path: string): Promise<StoreReader & { close(): Promise<void> }> {
  const store = await openStoreReader({ embedded: join(path, "store") });
  cleanup(() => store.close());
  return store;
}

let n = 0;
/** A plain event; `over` says what the test is about. */
export function draft(over: Partial<EventDraft> = {}): EventDraft {
  n++;
  return {
    kind: "request.outcome",
    session_id: "s-1",
    at_ms: Date.UTC(2026, 10, 22, 10) + n,
    exchange_id: `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`,
    issuer: "corp",
    username: "corp:alice@example.com",
    groups: ["corp:devs"],
    connection: "prod",
    verb: "get",
    resource: "pods",
    namespace: "a",
    name: "web",
    path: "/api/v1/namespaces/a/pods/web",
    status: 200,
    effect: "allow",
    ...over,
  };
}

/** The rows that lie whole in a spool, shipped or not. */
export function spooledRows(spool: string): EventRow[] {
  return listSegments(spool).flatMap(({ segment }) =>
    readSegment(segmentPath(spool, segment), 0, undefined, 1 << 20)
      .frames.filter(({ type }) => type === "event")
      .map(({ payload }) => JSON.parse(payload.toString("utf8")) as EventRow),
  );
}

/** Waits for something that another thread or process brings about; fails after `ms`. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 45_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not come about within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const allRows = (store: StoreReader): Promise<EventRow[]> =>
  store.query<EventRow>("SELECT * FROM events ORDER BY session_id, writer, seq");
