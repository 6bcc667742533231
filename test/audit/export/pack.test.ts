import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../../audit/event.ts";
import { CHECKPOINT_SESSION, hashLeaf, proofFault, signTreeHead } from "../../../audit/evidence/checkpoint.ts";
import { grow, rootOf } from "../../../audit/evidence/merkle.ts";
import type { ExportJob } from "../../../audit/export/formats.ts";
import { type OpenPack, openPack } from "../../../audit/export/pack-layout.ts";
import { manifestFault } from "../../../audit/export/pack-note.ts";
import { openRecorder } from "../../../audit/recorder/recorder.ts";
import { openStoreReader } from "../../../audit/store/open.ts";
import type { StoreReader } from "../../../audit/store/store.ts";
import { verifyChain } from "../../../audit/verify-chain.ts";
import { sha256 } from "../../../base/digest.ts";
import { draft, recorderOptions } from "../rig.ts";
import { bytesOf, CONFIG_MAP, DRAFTS, HOSTILE, job, recordedStore, SESSION } from "./recorded.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const signer = { publicKey, sign: async (bytes: Buffer) => sign(null, bytes, privateKey) };

const CHECKPOINTS = [Date.UTC(2026, 10, 22, 11), Date.UTC(2026, 10, 22, 11, 1), Date.UTC(2026, 10, 22, 11, 2)] as const;

let path: string;
let pack: OpenPack;
let store: StoreReader & { close(): Promise<void> };
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "sallyport-pack-"));
  const first = await recordedStore(path, [
    ...DRAFTS,
    draft({ session_id: SESSION, request_content: Buffer.alloc(3_000_000, "large") }),
  ]);
  const heads = await first.query<{ session_id: string; writer: string; seq: number; hash: string }>(
    "SELECT session_id, writer, max(seq) AS seq, argMax(hash, events.seq) AS hash FROM events GROUP BY session_id, writer ORDER BY session_id",
  );
  await first.close();
  await recordCheckpoint(heads);
  store = await openStoreReader({ embedded: join(path, "store") });
  pack = await opened();
});
afterAll(async () => {
  await pack.close();
  await store.close();
  rmSync(path, { recursive: true, force: true });
});

/** The heads of all chains, signed, as the recorder's own checkpoints are. */
async function recordCheckpoint(
  leaves: { session_id: string; writer: string; seq: number; hash: string }[],
): Promise<void> {
  const hashes = leaves.map((leaf) => hashLeaf("default", leaf));
  const head = { log: "w-1", size: leaves.length, root: rootOf(grow([], 0, hashes)).toString("base64") };
  const note = await signTreeHead("default", head, signer);
  const recorder = await openRecorder(recorderOptions(path));
  const payload = { ...head, note, leaves, peaks: [] };
  for (const at_ms of CHECKPOINTS) {
    recorder.record(draft({ kind: "checkpoint", session_id: CHECKPOINT_SESSION, exchange_id: "", at_ms, payload }));
  }
  // Recorded after it: what no checkpoint covers yet.
  recorder.record(draft({ kind: "session.closed", session_id: "s-2", exchange_id: "" }));
  await recorder.flush({ toStore: true });
  await recorder.close();
}

async function opened(over: Partial<ExportJob> = {}): Promise<OpenPack> {
  const file = join(path, `pack-${sha256(JSON.stringify(over.scope ?? {})).slice(0, 8)}.zip`);
  writeFileSync(file, await bytesOf("pack", job(store, { signer, ...over })));
  return openPack(file);
}

async function rowsOf(lines: AsyncIterable<{ value?: EventRow; problem?: string }>): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  for await (const { value, problem } of lines) {
    if (value === undefined) throw new Error(problem);
    rows.push(value);
  }
  return rows;
}

describe("the evidence pack of a session", () => {
  test("names every file in a manifest that is signed by the checkpoint key", async () => {
    const manifest = await pack.manifest();
    expect(manifest).toMatchObject({ tenant: "default", session: SESSION, createdAt: "2026-11-22T12:00:00.000Z" });
    const listed = manifest?.files.map((file) => file.path).sort();
    expect(listed).toEqual([...pack.files.keys()].filter((name) => !name.startsWith("manifest.")).sort());
    for (const file of manifest?.files ?? []) {
      const bytes = (await pack.small(file.path)) ?? Buffer.alloc(0);
      expect([file.path, sha256(bytes), bytes.length]).toEqual([file.path, file.sha256, file.bytes]);
    }
    const bytes = (await pack.small("manifest.json")) ?? Buffer.alloc(0);
    const note = (await pack.small("manifest.note"))?.toString() ?? "";
    expect(manifestFault("default", bytes, note, [publicKey])).toBeUndefined();
  });

  test.each([
    [
      "another key",
      "default",
      (bytes: Buffer) => bytes,
      generateKeyPairSync("ed25519").publicKey,
      /not signed by a key/,
    ],
    [
      "an altered manifest",
      "default",
      (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(" ")]),
      publicKey,
      /another manifest/,
    ],
    ["another tenant", "other", (bytes: Buffer) => bytes, publicKey, /another manifest/],
  ])("is not vouched for by its note with %s", async (_title, tenant, edit, key, why) => {
    const bytes = edit((await pack.small("manifest.json")) ?? Buffer.alloc(0));
    const note = (await pack.small("manifest.note"))?.toString() ?? "";
    expect(manifestFault(tenant, bytes, note, [key])).toMatch(why);
  });

  test("holds the session's whole chain, and a proof that a signed checkpoint has its head", async () => {
    const rows = await rowsOf(pack.events());
    expect(verifyChain(rows)).toMatchObject({ ok: true, chains: 1 });
    const proofs = [];
    for await (const { value } of pack.proofs()) proofs.push(value);
    expect(proofs).toMatchObject([{ session_id: SESSION, seq: rows.length, hash: rows.at(-1)?.hash }]);
    for (const proof of proofs) expect(proof && proofFault("default", proof, [publicKey])).toBeUndefined();
  });

  test("holds the contents that its events name, each under its SHA-256, large ones too", async () => {
    const digest = sha256(CONFIG_MAP);
    expect((await pack.small(`bodies/${digest}`))?.toString()).toBe(CONFIG_MAP);
    const large = sha256(Buffer.alloc(3_000_000, "large"));
    expect(sha256((await pack.small(`bodies/${large}`)) ?? "")).toBe(large);
  });

  test("has a report that runs nothing and shows hostile text as text", async () => {
    const page = (await pack.small("report.html"))?.toString() ?? "";
    expect(page).toContain("default-src &#39;none&#39;");
    expect(page).not.toMatch(/<script|\p{Cf}|(?!\n)\p{Cc}/iu);
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J\\u202e");
    expect(page).toMatch(/exempted|unguarded|break-glass/);
    expect(HOSTILE).toContain("<script>");
  });

  test("is refused where there is no key to sign it with", async () => {
    await expect(bytesOf("pack", job(store))).rejects.toThrow(/no key for it/);
  });

  test("breaks off, and does not end, where the record cannot be read to its end", async () => {
    const broken: StoreReader = {
      query: (sql, params, options) =>
        sql.includes("FROM approvals") ? Promise.reject(new Error("gone")) : store.query(sql, params, options),
    };
    await expect(bytesOf("pack", job(broken, { signer }))).rejects.toThrow("gone");
  });
});

describe("the evidence pack of a period", () => {
  const period = { since: Date.UTC(2026, 10, 22), until: Date.UTC(2026, 10, 23) };

  test("holds all sessions' chains, and the checkpoints in a file of their own", async () => {
    const pack = await opened({ scope: period });
    const rows = await rowsOf(pack.events());
    expect(new Set(rows.map((row) => row.session_id))).toEqual(new Set([SESSION, "s-2"]));
    expect(verifyChain(rows)).toMatchObject({ ok: true });
    expect(await pack.manifest()).toMatchObject({
      since: "2026-11-22T00:00:00.000Z",
      until: "2026-11-23T00:00:00.000Z",
    });
    expect((await rowsOf(pack.checkpoints())).map(({ kind }) => kind)).toEqual(CHECKPOINTS.map(() => "checkpoint"));
    expect(pack.files.has("proofs.ndjson")).toBe(false);
    await pack.close();
  });

  test("has of each log the first checkpoint after its end as well: it signs where the period ended", async () => {
    const until = CHECKPOINTS[0] + 1;
    const pack = await opened({ scope: { since: period.since, until } });
    expect((await rowsOf(pack.checkpoints())).map(({ at }) => at.slice(11, 16))).toEqual(["11:00", "11:01"]);
    await pack.close();
  });
});
