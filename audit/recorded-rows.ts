import { bodyContent } from "./bodies.ts";
import type { EventRow } from "./event.ts";
import { type Period, periodOf, within } from "./period.ts";
import type { StoreReader } from "./store/store.ts";

/** What `policy backtest` reads of a decision: columns that say what it was, its payload, and its objects' JSON. */
export type RecordedRow = Pick<
  EventRow,
  | "at"
  | "kind"
  | "username"
  | "connection"
  | "verb"
  | "api_group"
  | "resource"
  | "subresource"
  | "namespace"
  | "name"
  | "path"
  | "payload"
> & {
  /** Content of `payload.facts`, where the level of recording kept it. */
  facts: string;
};

/** Decisions of a period, the latest first, with the objects that they judged where those are on record. */
export async function recordedRows(
  store: StoreReader,
  tenant: string,
  { limit = 1000, ...period }: Period & { limit?: number | undefined },
): Promise<RecordedRow[]> {
  const rows = await store.query<Omit<RecordedRow, "facts"> & { digest: string }>(
    `SELECT at, kind, username, connection, verb, api_group, resource, subresource, namespace, name, path, payload,
            JSONExtractString(payload, 'facts') AS digest
       FROM events
      WHERE tenant = {tenant:String}
        AND (kind IN ('request.outcome', 'request.refused')
             -- Of the model's side those alone that an exception lifted something of: nobody can be asked the others again.
             OR kind IN ('dialogue.prompt', 'dialogue.tool_use') AND payload LIKE '%"exception":%')
        AND decision_id != ''
        AND ${within("at")}
      ORDER BY at DESC, exchange_id DESC LIMIT {limit:UInt32}`,
    { tenant, ...periodOf(period), limit },
  );
  const digests = [...new Set(rows.map(({ digest }) => digest).filter((digest) => digest !== ""))];
  const contents = digests.length === 0 ? [] : await factsOf(store, tenant, digests);
  const byDigest = new Map(contents.map(({ sha256, content }) => [sha256, content]));
  return rows.map(({ digest, ...row }) => ({ ...row, facts: byDigest.get(digest) ?? "" }));
}

async function factsOf(
  store: StoreReader,
  tenant: string,
  digests: string[],
): Promise<{ sha256: string; content: string }[]> {
  const rows = await store.query<{ sha256: string; content: string; parted: number | boolean }>(
    "SELECT sha256, any(content) AS content, any(notEmpty(chunks)) AS parted FROM bodies WHERE tenant = {tenant:String} AND sha256 IN {digests:Array(String)} GROUP BY sha256",
    { tenant, digests },
  );
  for (const row of rows) {
    if (row.parted) row.content = (await bodyContent(store, tenant, row.sha256))?.toString("utf8") ?? "";
  }
  return rows;
}
