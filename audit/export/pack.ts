import { Refusal } from "../../base/errors.ts";
import { BodyAltered, BodyMissing, readBody } from "../bodies.ts";
import type { EventRow } from "../event.ts";
import { type EventScope, eventPages } from "../event-pages.ts";
import { CHECKPOINT_SESSION } from "../evidence/checkpoint.ts";
import { payloadOf } from "../stream-frames.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";
import { PACK, PACK_API_VERSION, PACK_KIND, PACK_LIMITS, type PackManifest } from "./pack-layout.ts";
import { type PackSigner, signManifest } from "./pack-note.ts";
import { sessionProofs } from "./proofs.ts";
import { emptyCount, type PackCount } from "./report/count.ts";
import { writeReport } from "./report/report.ts";
import { ZipWriter } from "./zip-writer.ts";

/**
 * A signed evidence pack of a session, or of a period: the layout is in pack-layout.ts. Throws a Refusal where there is
 * no key to sign it with.
 */
export async function writePack(job: ExportJob): Promise<ExportBytes> {
  const { signer } = job;
  if (signer === undefined) {
    throw new Refusal("bad-request", "an evidence pack is signed, and this gateway has no key for it", {
      next: "Set keys.checkpointFile in sallyport.yaml, or export NDJSON, whose chains verify without a signature.",
    });
  }
  return packBytes(job, signer);
}

async function* packBytes(job: ExportJob, signer: PackSigner): ExportBytes {
  const zip = new ZipWriter(new Date(job.now));
  const filled = fill(zip, job, signer).then(
    () => zip.end(),
    (error: Error) => zip.fail(error),
  );
  try {
    yield* zip.output;
  } finally {
    zip.fail(new Error("whoever read the pack went away"));
    await filled;
  }
}

async function fill(zip: ZipWriter, job: ExportJob, signer: PackSigner): Promise<void> {
  const { store, tenant, scope } = job;
  const count = emptyCount();
  // Before the events: what is signed later than these were read would look like an end that was cut off.
  if (scope.session === undefined) await zip.add(PACK.checkpoints, ndjson(checkpoints(job)));
  else {
    count.proofs = await sessionProofs(store, tenant, scope.session);
    await zip.add(PACK.proofs, ndjson([count.proofs]));
  }
  const digests = new Set<string>();
  await zip.add(PACK.events, ndjson(counted(eventPages(store, tenant, withoutCheckpoints(scope)), count, digests)));
  for (const sha256 of digests) await addBody(zip, job, sha256, count);
  await zip.add(PACK.report, writeReport(job, count));
  const manifest = Buffer.from(`${JSON.stringify(manifestOf(job, zip), null, 2)}\n`);
  await zip.add(PACK.manifest, [manifest]);
  const note = await signManifest(tenant, manifest, signer);
  await zip.add(PACK.note, [note]);
}

async function* ndjson(pages: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>): ExportBytes {
  for await (const page of pages) yield page.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** Checkpoints have a file of their own in the pack of a period; the pack of a session needs none but the proofs'. */
function withoutCheckpoints(scope: EventScope): EventScope {
  return scope.session === undefined ? { ...scope, except: CHECKPOINT_SESSION } : scope;
}

/** The rows as they pass by, with what the report says of them and the contents that they name. */
async function* counted(
  pages: AsyncIterable<EventRow[]>,
  count: PackCount,
  digests: Set<string>,
): AsyncGenerator<EventRow[]> {
  for await (const page of pages) {
    for (const row of page) {
      count.add(row);
      for (const digest of [row.request_body, row.response_body, payloadOf(row).facts]) {
        if (typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest)) digests.add(digest);
      }
    }
    if (digests.size > PACK_LIMITS.files - 10) {
      throw new Error(`the pack would hold more than ${PACK_LIMITS.files} files: export a shorter period`);
    }
    yield page;
  }
}

/**
 * The checkpoints of a period, and of each log the next one after it: that signs where the period's last events stood.
 */
async function* checkpoints({ store, tenant, scope }: ExportJob): AsyncGenerator<EventRow[]> {
  let { until } = scope;
  if (until !== undefined) {
    const [row] = await store.query<{ next: number | string | null }>(
      `SELECT max(next) AS next FROM (
         SELECT toUnixTimestamp64Milli(minIf(at, at >= fromUnixTimestamp64Milli({until:Int64}, 'UTC'))) + 1 AS next FROM events
         WHERE tenant = {tenant:String} AND session_id = {checkpoints:String} GROUP BY writer
         HAVING countIf(at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')) > 0)`,
      { tenant, until: Math.floor(until), checkpoints: CHECKPOINT_SESSION },
    );
    until = Math.max(until, Number(row?.next ?? 0));
  }
  yield* eventPages(store, tenant, { session: CHECKPOINT_SESSION, since: scope.since, until });
}

/** A content that is gone or was changed is not in the pack, or not whole: the report names it, and verifying finds it. */
async function addBody(zip: ZipWriter, { store, tenant }: ExportJob, sha256: string, count: PackCount): Promise<void> {
  const parts = readBody(store, tenant, sha256);
  let first: IteratorResult<Buffer, void>;
  try {
    first = await parts.next();
  } catch (error) {
    if (error instanceof BodyMissing) {
      count.missingBodies.push(sha256);
      return;
    }
    if (!(error instanceof BodyAltered)) throw error;
    count.alteredBodies.push(sha256);
    // An empty file: without one the signed manifest would say that the content was let go in its time.
    first = { done: true, value: undefined };
  }
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      for (let part = first; part.done !== true; part = await parts.next()) yield part.value;
    } catch (error) {
      if (!(error instanceof BodyAltered)) throw error;
      count.alteredBodies.push(sha256);
    }
  };
  await zip.add(`${PACK.bodies}${sha256}`, source());
  count.bodies++;
}

function manifestOf({ tenant, scope, now, gateway }: ExportJob, zip: ZipWriter): PackManifest {
  const iso = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const since = iso(scope.since);
  const until = iso(scope.until);
  return {
    apiVersion: PACK_API_VERSION,
    kind: PACK_KIND,
    tenant,
    ...(scope.session === undefined ? {} : { session: scope.session }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    createdAt: new Date(now).toISOString(),
    gateway,
    files: zip.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}
