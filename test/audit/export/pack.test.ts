import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../../audit/event.ts";
import { proofFault } from "../../../audit/evidence/checkpoint.ts";
import { openSigner, type Signer } from "../../../audit/evidence/signer.ts";
import { Findings } from "../../../audit/evidence/verify/finding.ts";
import { packSource } from "../../../audit/evidence/verify/pack-source.ts";
import { verifyRecord } from "../../../audit/evidence/verify/verify-record.ts";
import { type ExportJob, exportFormats } from "../../../audit/export/formats.ts";
import { type OpenPack, openPack } from "../../../audit/export/pack-layout.ts";
import { manifestFault } from "../../../audit/export/pack-note.ts";
import { openRecorder } from "../../../audit/recorder/recorder.ts";
import type { StoreReader } from "../../../audit/store/store.ts";
import { verifyChain } from "../../../audit/verify-chain.ts";
import { sha256 } from "../../../base/digest.ts";
import { draft, recorderOptions } from "../rig.ts";
import { bytesOf, CONFIG_MAP, DRAFTS, job, SESSION } from "./recorded.ts";

let path: string;
let recorder: Awaited<ReturnType<typeof openRecorder>>;
let signer: Signer;
let pack: OpenPack;
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "sallyport-pack-"));
  const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(path, "checkpoint.pem"), key);
  signer = openSigner({ keyFile: join(path, "checkpoint.pem") });
  recorder = await openRecorder({ ...recorderOptions(path), checkpointKey: join(path, "checkpoint.pem") });
  for (const one of DRAFTS) recorder.record({ ...one });
  recorder.record(draft({ session_id: SESSION, request_content: Buffer.alloc(3_000_000, "large") }));
  await recorder.checkpoint();
  recorder.record(draft({ session_id: "s-2" }));
  await recorder.checkpoint();
  recorder.record(draft({ session_id: "s-2" }));
  await recorder.checkpoint();
  await recorder.flush({ toStore: true });
  pack = await opened();
});
afterAll(async () => {
  await pack?.close();
  await recorder?.close();
  rmSync(path, { recursive: true, force: true });
});

async function opened(over: Partial<ExportJob> = {}): Promise<OpenPack> {
  const file = join(path, `pack-${sha256(JSON.stringify(over.scope ?? {})).slice(0, 8)}.zip`);
  writeFileSync(file, await bytesOf("pack", job(recorder, { signer, ...over })));
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
    expect(manifestFault("default", bytes, note, [signer.publicKey])).toBeUndefined();
  });

  const same = (bytes: Buffer): Buffer => bytes;
  test.each([
    ["another key", { tenant: "default", edit: same, other: true }, /not signed by a key/],
    ["an altered manifest", { tenant: "default", edit: (b: Buffer) => Buffer.concat([b, b]), other: false }, /another/],
    ["another tenant", { tenant: "other", edit: same, other: false }, /another manifest/],
  ])("is not vouched for by its note with %s", async (_title, { tenant, edit, other }, why) => {
    const bytes = edit((await pack.small("manifest.json")) ?? Buffer.alloc(0));
    const note = (await pack.small("manifest.note"))?.toString() ?? "";
    const key = other ? generateKeyPairSync("ed25519").publicKey : signer.publicKey;
    expect(manifestFault(tenant, bytes, note, [key])).toMatch(why);
  });

  test("holds the session's whole chain, and a proof that a signed checkpoint has its head", async () => {
    const rows = await rowsOf(pack.events());
    expect(verifyChain(rows)).toMatchObject({ ok: true, chains: 1 });
    const proofs = [];
    for await (const { value } of pack.proofs()) proofs.push(value);
    expect(proofs).toMatchObject([{ session_id: SESSION, seq: rows.length, hash: rows.at(-1)?.hash }]);
    for (const proof of proofs) expect(proof && proofFault("default", proof, [signer.publicKey])).toBeUndefined();
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
  });

  test("has a report that says how many privileged operations nothing accounts for", async () => {
    const page = (await pack.small("report.html"))?.toString() ?? "";
    expect(page).toMatch(/3 privileged operations, 1 of them not accounted for/);
    expect(page).toContain("<tr><td>unguarded</td><td>1</td></tr>");
  });

  test.each([
    ["gone", () => [], /is-gone: no longer in the store/, []],
    [
      "another",
      (row: object) => [{ ...row, content: Buffer.from("swapped").toString("base64") }],
      /is-gone: ALTERED/,
      [{ what: "swapped-body", body: sha256(CONFIG_MAP) }],
    ],
  ])(
    "is made all the same where a content is %s, which its report and verifying say",
    async (_title, edit, said, found) => {
      const digest = sha256(CONFIG_MAP);
      const edited: StoreReader = {
        query: async (sql, params, options) => {
          const rows = await recorder.query<never>(sql, params, options);
          return params?.sha256 === digest && sql.includes("FROM bodies") ? (rows.flatMap(edit) as never[]) : rows;
        },
      };
      const pack = await opened({ store: edited });
      const page = (await pack.small("report.html"))?.toString() ?? "";
      expect(page.replace(digest, "is-gone")).toMatch(said);
      const findings = new Findings();
      const source = await packSource(pack, { keys: [signer.publicKey], tenant: undefined, findings });
      const verdict = await verifyRecord(source, { keys: [signer.publicKey] }, findings);
      expect(verdict).toMatchObject({ findings: found, of: { tenant: "default", session: SESSION } });
      if (found.length === 0) expect(verdict.limits).toContainEqual(expect.stringMatching(/^1 contents .* are gone/));
      await pack.close();
    },
  );

  test("stops being made where its reader goes away, and another one is made as ever", async () => {
    for await (const _ of await exportFormats.pack.write(job(recorder, { signer }))) break;
    const again = await opened();
    expect([...again.files.keys()]).toEqual([...pack.files.keys()]);
    await again.close();
  });

  test("is refused where there is no key to sign it with", async () => {
    await expect(bytesOf("pack", job(recorder))).rejects.toThrow(/no key for it/);
  });

  test("breaks off, and does not end, where the record cannot be read to its end", async () => {
    const broken: StoreReader = {
      query: (sql, params, options) =>
        sql.includes("FROM approvals") ? Promise.reject(new Error("gone")) : recorder.query(sql, params, options),
    };
    await expect(bytesOf("pack", job(broken, { signer }))).rejects.toThrow("gone");
  });
});

describe("the evidence pack of a period", () => {
  const since = Date.UTC(2026, 10, 22);

  test("holds all sessions' chains, and the checkpoints in a file of their own", async () => {
    const pack = await opened({ scope: { since } });
    const rows = await rowsOf(pack.events());
    expect(new Set(rows.map((row) => row.session_id))).toEqual(new Set([SESSION, "s-2"]));
    expect(verifyChain(rows)).toMatchObject({ ok: true });
    expect(await pack.manifest()).toMatchObject({ since: "2026-11-22T00:00:00.000Z" });
    expect((await rowsOf(pack.checkpoints())).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(pack.files.has("proofs.ndjson")).toBe(false);
    await pack.close();
  });

  test("has of each log the first checkpoint after its end as well: it signs where the period ended", async () => {
    const [first] = await recorder.query<{ at: number }>(
      "SELECT toUnixTimestamp64Milli(min(at)) AS at FROM events WHERE kind = 'checkpoint'",
    );
    const pack = await opened({ scope: { since, until: Number(first?.at) + 1 } });
    expect((await rowsOf(pack.checkpoints())).map(({ seq }) => seq)).toEqual([1, 2]);
    await pack.close();
  });
});

test("a pack that is written while the record goes on is found whole", async () => {
  let pages = 0;
  const live: StoreReader = {
    query: async (sql, params, options) => {
      // Once the first page of events was read, one more comes to the chain that it began with, and is signed.
      if (sql.includes("length(payload)") && params?.except === "checkpoints" && ++pages === 2) {
        recorder.record(draft({ session_id: SESSION }));
        await recorder.checkpoint();
        await recorder.flush({ toStore: true });
      }
      return recorder.query(sql, params, options);
    },
  };
  const pack = await opened({ store: live, scope: {} });
  const findings = new Findings();
  const source = await packSource(pack, { keys: [signer.publicKey], tenant: undefined, findings });
  expect(await verifyRecord(source, { keys: [signer.publicKey] }, findings)).toMatchObject({ ok: true, findings: [] });
  expect(pages).toBe(2);
  await pack.close();
});

test("a pack whose manifest was taken away is not held to be whole", async () => {
  const pack = await opened();
  const stripped = { ...pack, manifest: async () => undefined };
  const findings = new Findings();
  const source = await packSource(stripped, { keys: [signer.publicKey], tenant: undefined, findings });
  expect((await verifyRecord(source, { keys: [signer.publicKey] }, findings)).findings).toMatchObject([
    { what: "altered-pack", file: "manifest.json" },
  ]);
  await pack.close();
});

test.each([
  ["a session", { session: SESSION }],
  ["all time", {}],
])("the pack of %s is found whole by the public key alone", async (_title, scope) => {
  const pack = await opened({ scope });
  const findings = new Findings();
  const source = await packSource(pack, { keys: [signer.publicKey], tenant: undefined, findings });
  const verdict = await verifyRecord(source, { keys: [signer.publicKey] }, findings);
  expect(verdict).toMatchObject({ ok: true, findings: [] });
  await pack.close();
});
