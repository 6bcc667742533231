import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Session } from "chdb";
import type { EventRow } from "../../audit/event.ts";
import { CHECKPOINT_SESSION } from "../../audit/evidence/checkpoint.ts";
import { Findings } from "../../audit/evidence/verify/finding.ts";
import { packSource } from "../../audit/evidence/verify/pack-source.ts";
import { storeSource } from "../../audit/evidence/verify/store-source.ts";
import { type Verdict, verifyRecord } from "../../audit/evidence/verify/verify-record.ts";
import { notesAt } from "../../audit/evidence/witness-place.ts";
import { writePack } from "../../audit/export/pack.ts";
import { openPack, PACK, type PackManifest } from "../../audit/export/pack-layout.ts";
import { parseRows } from "../../audit/store/chdb.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import { sha256 } from "../../base/digest.ts";
import type { Bodies, Rows, SignedRecord } from "./record.ts";

/** Where a record is edited: a form of it that can be written, and verified as an operator or auditor would. */
export interface Home {
  name: "ndjson" | "pack" | "store";
  write(rows: Rows, bodies: Bodies): Promise<void>;
  verify(): Promise<Verdict>;
}

export interface Homes {
  homes: readonly [Home, Home, Home];
  /** The record as it was made, in the order of chains. */
  rows: Rows;
  bodies: Bodies;
  store: StoreReader;
  publicKey: SignedRecord["publicKey"];
  close(): void;
}

/** Opens the record's store for reading and editing; the recorder has to be closed. */
export async function openHomes(record: SignedRecord, folder: string): Promise<Homes> {
  const session = new Session(record.store);
  session.query("USE sallyport");
  const store = readerOf(session);
  const rows = await store.query<EventRow>("SELECT * FROM events ORDER BY session_id, writer, seq");
  const kept = await store.query<{ sha256: string; content: string }>(
    "SELECT sha256, base64Encode(content) AS content FROM bodies FINAL",
  );
  const bodies = new Map(kept.map(({ sha256, content }) => [sha256, Buffer.from(content, "base64")]));
  const pack = await packFiles(record, store, folder);
  return {
    homes: [ndjsonHome(record, folder), packHome(record, folder, pack), storeHome(record, session, store)],
    rows,
    bodies,
    store,
    publicKey: record.publicKey,
    close: () => session.close(),
  };
}

function readerOf(session: Session): StoreReader {
  return {
    async query<Row>(sql: string, params: Record<string, unknown> = {}): Promise<Row[]> {
      const result = await session.queryBindAsync(sql, params, { format: "JSONEachRow" });
      return parseRows<Row>(Buffer.from(result.bytes()).toString("utf8"));
    },
  };
}

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

async function verifyExport(record: SignedRecord, path: string): Promise<Verdict> {
  const findings = new Findings();
  const keys = [record.publicKey];
  const pack = await openPack(path);
  try {
    const source = await packSource(pack, { keys, tenant: record.tenant, findings });
    return await verifyRecord(source, { keys, witnesses: [notesAt(record.witness)] }, findings);
  } finally {
    await pack.close();
  }
}

function ndjsonHome(record: SignedRecord, folder: string): Home {
  const path = join(folder, "edited.ndjson");
  return {
    name: "ndjson",
    write: async (rows) => writeFileSync(path, lines(rows)),
    verify: () => verifyExport(record, path),
  };
}

/** The pack of the whole record as the gateway writes it, file by file. */
async function packFiles(record: SignedRecord, store: StoreReader, folder: string): Promise<Map<string, Buffer>> {
  const zip = join(folder, "pack.zip");
  const chunks: Buffer[] = [];
  const signer = { publicKey: record.publicKey, sign: record.sign };
  const job = {
    store,
    tenant: record.tenant,
    scope: {},
    gateway: "sallyport/test",
    url: "https://127.0.0.1",
    now: Date.now(),
    signer,
  };
  for await (const chunk of await writePack(job)) chunks.push(Buffer.from(chunk));
  writeFileSync(zip, Buffer.concat(chunks));
  const pack = await openPack(zip);
  const files = new Map<string, Buffer>();
  for (const path of pack.files.keys()) {
    const parts: Buffer[] = [];
    for await (const part of pack.read(path)) parts.push(part);
    files.set(path, Buffer.concat(parts));
  }
  await pack.close();
  return files;
}

/** Edited, a pack's manifest is computed anew; its note cannot be. */
function packHome(record: SignedRecord, folder: string, original: ReadonlyMap<string, Buffer>): Home {
  const path = join(folder, "edited-pack");
  return {
    name: "pack",
    async write(rows, bodies) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(join(path, PACK.bodies), { recursive: true });
      const files = new Map([...original].filter(([name]) => !name.startsWith(PACK.bodies)));
      files.set(PACK.events, Buffer.from(lines(rows.filter(({ session_id }) => session_id !== CHECKPOINT_SESSION))));
      files.set(
        PACK.checkpoints,
        Buffer.from(lines(rows.filter(({ session_id }) => session_id === CHECKPOINT_SESSION))),
      );
      for (const [digest, content] of bodies) files.set(`${PACK.bodies}${digest}`, content);
      const manifest = JSON.parse(String(original.get(PACK.manifest))) as PackManifest;
      const entries = [...files].filter(([name]) => name !== PACK.manifest && name !== PACK.note);
      manifest.files = entries
        .map(([name, content]) => ({ path: name, sha256: sha256(content), bytes: content.length }))
        .sort((a, b) => (a.path < b.path ? -1 : 1));
      files.set(PACK.manifest, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
      for (const [name, content] of files) writeFileSync(join(path, name), content);
    },
    verify: () => verifyExport(record, path),
  };
}

function storeHome(record: SignedRecord, session: Session, store: StoreReader): Home {
  return {
    name: "store",
    async write(rows, bodies) {
      session.query("TRUNCATE TABLE events");
      session.query("TRUNCATE TABLE bodies");
      await session.insert({ table: "events", values: Buffer.from(lines(rows)), format: "JSONEachRow" });
      const contents = [...bodies].map(([digest, content]) => ({
        tenant: record.tenant,
        sha256: digest,
        size: content.length,
        content: content.toString("utf8"),
      }));
      await session.insert({ table: "bodies", values: Buffer.from(lines(contents)), format: "JSONEachRow" });
    },
    verify: () =>
      verifyRecord(storeSource(store, record.tenant), {
        keys: [record.publicKey],
        witnesses: [notesAt(record.witness)],
      }),
  };
}
