import { BodyAltered, BodyMissing, readBody } from "../../bodies.ts";
import type { EventRow } from "../../event.ts";
import { storedEvents } from "../../event-pages.ts";
import type { PackLine } from "../../export/pack-layout.ts";
import type { Retention } from "../../store/retention.ts";
import type { StoreReader } from "../../store/store.ts";
import { CHECKPOINT_SESSION } from "../checkpoint.ts";
import type { RecordSource } from "./verify-record.ts";

/** All that a store has of a tenant, page by page. */
export function storeSource(
  store: StoreReader,
  tenant: string,
  retention: Retention = {},
  now: number = Date.now(),
): RecordSource {
  return {
    tenant,
    scope: "whole",
    events: () => numbered(storedEvents(store, tenant, {})),
    checkpoints: () => numbered(storedEvents(store, tenant, { session: CHECKPOINT_SESSION })),
    proofs: () => numbered([]),
    mayBeGone: ({ at, record_level }) => Date.parse(`${at.replace(" ", "T")}Z`) + keptMs(retention, record_level) < now,
    body: (sha256) => bodyIn(store, tenant, sha256),
  };
}

/** How long contents of a level are kept, in milliseconds; a level without a time of its own has that of the one below. */
function keptMs({ Metadata, Request = Metadata, RequestResponse = Request }: Retention, level: string): number {
  const text = level === "RequestResponse" ? RequestResponse : level === "Request" ? Request : Metadata;
  return text === undefined ? Number.POSITIVE_INFINITY : Number(text.slice(0, -1)) * 86_400_000;
}

async function* numbered<T>(values: AsyncIterable<T> | Iterable<T>): AsyncGenerator<PackLine<T>> {
  let line = 0;
  for await (const value of values) {
    line++;
    yield { line, value };
  }
}

async function bodyIn(store: StoreReader, tenant: string, sha256: string): Promise<"whole" | "altered" | "missing"> {
  try {
    for await (const _ of readBody(store, tenant, sha256));
    return "whole";
  } catch (error) {
    if (error instanceof BodyMissing) return "missing";
    if (error instanceof BodyAltered) return "altered";
    throw error;
  }
}

/** Rows that are in memory, as a source: what a test, or a command that read them anyhow, has. */
export function rowsSource(tenant: string, rows: readonly EventRow[]): RecordSource {
  return {
    tenant,
    scope: "whole",
    events: () => numbered(rows),
    checkpoints: () => numbered(rows.filter(({ session_id }) => session_id === CHECKPOINT_SESSION)),
    proofs: () => numbered([]),
    body: undefined,
  };
}
