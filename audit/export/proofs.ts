import { canonicalJson } from "../../base/canonical-json.ts";
import {
  CHECKPOINT_SESSION,
  type Checkpoint,
  type InclusionProof,
  parseCheckpoint,
  proveLeaf,
} from "../evidence/checkpoint.ts";
import { type Period, periodOf, within } from "../period.ts";
import type { StoreReader } from "../store/store.ts";

const DAY_MS = 86_400_000;

/** Checkpoints of a chain that are read, the newest first, until one is whole. */
const TRIED = 4;

interface Chain {
  writer: string;
  last: number | string;
  from: number | string;
  to: number | string;
}

/** For each chain of a session the newest head of it that was signed, proven; none where none was. */
export async function sessionProofs(store: StoreReader, tenant: string, session: string): Promise<InclusionProof[]> {
  const chains = await store.query<Chain>(
    `SELECT writer, max(seq) AS last, toUnixTimestamp64Milli(min(at)) AS from, toUnixTimestamp64Milli(max(at)) AS to
     FROM events WHERE tenant = {tenant:String} AND session_id = {session:String} GROUP BY writer ORDER BY writer`,
    { tenant, session },
  );
  const proofs: InclusionProof[] = [];
  for (const { writer, last, from, to } of chains) {
    // A checkpoint follows within a minute; a process that was cut short has its last one made by the one after it.
    const soon = { since: Number(from) - DAY_MS, until: Number(to) + DAY_MS };
    const near = await newestProof(store, tenant, { session, writer, period: soon });
    const proof = near?.seq === Number(last) ? near : await newestProof(store, tenant, { session, writer, period: {} });
    if (proof !== undefined) proofs.push(proof);
  }
  return proofs;
}

async function newestProof(
  store: StoreReader,
  tenant: string,
  { session, writer, period }: { session: string; writer: string; period: Period },
): Promise<InclusionProof | undefined> {
  // A leaf in canonical JSON ends so; only rows that hold it are parsed.
  const needle = canonicalJson({ session_id: session, writer }).slice(1);
  const rows = await store.query<{ payload: string }>(
    `SELECT payload FROM events
     WHERE tenant = {tenant:String} AND session_id = {checkpoints:String} AND kind = 'checkpoint' AND ${within("at")}
       AND position(payload, {needle:String}) > 0
     ORDER BY arrayMax(arrayMap(leaf -> if(JSONExtractString(leaf, 'session_id') = {session:String}
         AND JSONExtractString(leaf, 'writer') = {writer:String}, JSONExtractUInt(leaf, 'seq'), 0),
       JSONExtractArrayRaw(payload, 'leaves'))) DESC, at DESC
     LIMIT ${TRIED}`,
    { tenant, checkpoints: CHECKPOINT_SESSION, needle, session, writer, ...periodOf(period) },
  );
  for (const { payload } of rows) {
    const checkpoint = checkpointIn(payload);
    const at = checkpoint?.leaves.findLastIndex((leaf) => leaf.session_id === session && leaf.writer === writer) ?? -1;
    if (checkpoint !== undefined && at >= 0) return proveLeaf(tenant, checkpoint, at);
  }
  return undefined;
}

/** Undefined where somebody edited the row: a pack is made all the same, and verifying the record finds that. */
function checkpointIn(payload: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(payload);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
