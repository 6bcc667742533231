import { canonicalJson } from "../../base/canonical-json.ts";
import { CHECKPOINT_SESSION, type InclusionProof, parseCheckpoint, proveLeaf } from "../evidence/checkpoint.ts";
import type { StoreReader } from "../store/store.ts";

/** For each chain of a session the newest head of it that was signed, proven; none where none was. */
export async function sessionProofs(store: StoreReader, tenant: string, session: string): Promise<InclusionProof[]> {
  const chains = await store.query<{ writer: string }>(
    "SELECT DISTINCT writer FROM events WHERE tenant = {tenant:String} AND session_id = {session:String} ORDER BY writer",
    { tenant, session },
  );
  const proofs: InclusionProof[] = [];
  for (const { writer } of chains) {
    const proof = await newestProof(store, tenant, { session, writer });
    if (proof !== undefined) proofs.push(proof);
  }
  return proofs;
}

async function newestProof(
  store: StoreReader,
  tenant: string,
  chain: { session: string; writer: string },
): Promise<InclusionProof | undefined> {
  // A leaf in canonical JSON ends so; only rows that hold it are parsed.
  const needle = canonicalJson({ session_id: chain.session, writer: chain.writer }).slice(1);
  const [row] = await store.query<{ payload: string }>(
    `SELECT payload FROM events
     WHERE tenant = {tenant:String} AND session_id = {checkpoints:String} AND kind = 'checkpoint'
       AND position(payload, {needle:String}) > 0
     ORDER BY arrayMax(arrayMap(leaf -> if(JSONExtractString(leaf, 'session_id') = {session:String}
         AND JSONExtractString(leaf, 'writer') = {writer:String}, JSONExtractUInt(leaf, 'seq'), 0),
       JSONExtractArrayRaw(payload, 'leaves'))) DESC, at DESC
     LIMIT 1`,
    { tenant, checkpoints: CHECKPOINT_SESSION, needle, ...chain },
  );
  if (row === undefined) return undefined;
  const checkpoint = parseCheckpoint(row.payload);
  const at = checkpoint.leaves.findLastIndex(
    (leaf) => leaf.session_id === chain.session && leaf.writer === chain.writer,
  );
  return at < 0 ? undefined : proveLeaf(tenant, checkpoint, at);
}
