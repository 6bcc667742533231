import type { StoreReader } from "../store/store.ts";
import { CHECKPOINT_SESSION, type Leaf } from "./checkpoint.ts";

/**
 * The heads that the store has of the chains of `writers`, less those that a checkpoint of theirs covers. For what a
 * process that was cut short left behind its last checkpoint.
 */
export async function unsignedHeads(store: StoreReader, tenant: string, writers: readonly string[]): Promise<Leaf[]> {
  const rows = await store.query<{ session_id: string; writer: string; last: number | string; head: string }>(
    `SELECT session_id, writer, max(seq) AS last, argMax(hash, seq) AS head
       FROM events
      WHERE tenant = {tenant:String} AND writer IN {writers:Array(String)} AND session_id != {checkpoints:String}
      GROUP BY session_id, writer
     HAVING head GLOBAL NOT IN (
       SELECT JSONExtractString(leaf, 'hash')
         FROM events ARRAY JOIN JSONExtractArrayRaw(payload, 'leaves') AS leaf
        WHERE tenant = {tenant:String} AND session_id = {checkpoints:String} AND writer IN {writers:Array(String)})
      ORDER BY session_id, writer`,
    { tenant, writers, checkpoints: CHECKPOINT_SESSION },
  );
  return rows.map(({ session_id, writer, last, head }) => ({ session_id, writer, seq: Number(last), hash: head }));
}
