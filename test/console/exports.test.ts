import { generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { EXPORT_FORMATS, exportFormats } from "../../audit/export/formats.ts";
import { openPack } from "../../audit/export/pack-layout.ts";
import { manifestFault } from "../../audit/export/pack-note.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { settleRecord } from "../../cli/serve/evidence-packs.ts";
import { draft } from "../audit/rig.ts";
import { type ConsoleRig, consoleRig } from "./rig.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const EXEC = "01997000-0000-7000-8000-000000000001";

let rig: ConsoleRig;
let alice: string;
let auditor: string;
/** Pages of a session that the store still gives. */
let pagesLeft = Number.POSITIVE_INFINITY;
let away = false;
beforeAll(async () => {
  const query: StoreReader["query"] = (sql, params, options) => {
    if (away) return Promise.reject(new Error("the store's process ended (SIGKILL): /var/lib/secret"));
    if (sql.includes("prev_hash") && pagesLeft-- <= 0) return Promise.reject(new Error("the store is away"));
    return rig.recorder.query(sql, params, options);
  };
  rig = await consoleRig({
    packSigner: { publicKey, sign: async (bytes) => sign(null, bytes, privateKey) },
    settleRecord: () => rig.recorder.flush({ toStore: true }),
    reader: Object.assign(Object.create(null), { query, ask: () => Promise.reject(new Error("not asked")) }),
  });
  alice = await rig.token("alice@example.com");
  auditor = await rig.token("olga@example.com", { groups: ["audit"] });
  rig.recorder.record(draft({ session_id: "s-1", payload: { decisionId: "d-1", findings: [] } }));
  for (const kind of ["request.intent", "stream.closed"] as const) {
    rig.recorder.record(draft({ session_id: "s-1", exchange_id: EXEC, kind, subresource: "exec" }));
  }
  rig.recorder.record(draft({ session_id: "s-bob", username: "corp:bob@example.com" }));
  for (const _ of [1, 2]) rig.recorder.record(draft({ session_id: "s-2", payload: { text: "x".repeat(5_000_000) } }));
  await rig.recorder.flush({ toStore: true });
});
beforeEach(() => {
  pagesLeft = Number.POSITIVE_INFINITY;
  away = false;
});
afterAll(() => rig?.close());

const exported = (path: string, token: string) => rig.call("GET", `/v1alpha1/${path}`, { token });
const rowsIn = (text: string): EventRow[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as EventRow);

function download(path: string, token: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(rig.url + path, { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts)));
      response.on("error", reject);
    }).on("error", reject);
  });
}

describe("GET /v1alpha1/sessions/{id}/export", () => {
  test("gives the owner the session's rows, whose chain verifies", async () => {
    const { status, headers, text } = await exported("sessions/s-1/export", alice);
    expect([status, headers["content-type"]]).toEqual([200, "application/x-ndjson"]);
    expect(headers["content-disposition"]).toBe('attachment; filename="sallyport-s-1-ndjson.ndjson"');
    expect(verifyChain(rowsIn(text))).toMatchObject({ ok: true, chains: 1 });
  });

  test.each(EXPORT_FORMATS)("answers in the format %s", async (format) => {
    const { status, headers, text } = await exported(`sessions/s-1/export?format=${format}`, alice);
    expect([status, headers["content-type"]]).toEqual([200, exportFormats[format].contentType]);
    expect(text.length).toBeGreaterThan(0);
  });

  test("of a pack gives one that is signed, and has this very read in its chain", async () => {
    const file = join(rig.folder, "pack.zip");
    writeFileSync(file, await download("/v1alpha1/sessions/s-1/export?format=pack", auditor));
    const pack = await openPack(file);
    const [manifest, note] = [await pack.small("manifest.json"), await pack.small("manifest.note")];
    expect(manifestFault("default", manifest ?? Buffer.alloc(0), String(note), [publicKey])).toBeUndefined();
    const rows: EventRow[] = [];
    for await (const { value } of pack.events()) if (value !== undefined) rows.push(value);
    expect(rows.at(-1)).toMatchObject({ kind: "read", username: "corp:olga@example.com" });
    expect(JSON.parse(rows.at(-1)?.payload ?? "")).toMatchObject({ what: "session export", format: "pack" });
    await pack.close();
  });

  test("of somebody else's session answers as of one that is not there, byte for byte", async () => {
    const theirs = await exported("sessions/s-bob/export", alice);
    const nobodys = await exported("sessions/s-nobody/export", alice);
    expect(theirs.status).toBe(404);
    expect(theirs.text).toBe(nobodys.text);
    expect((await exported("sessions/s-bob/export", auditor)).status).toBe(200);
  });

  test("names the formats to who asks for another", async () => {
    const { status, text } = await exported("sessions/s-1/export?format=xml", alice);
    expect(status).toBe(400);
    expect(text).toContain("k8s-audit");
  });

  test("names the execs to who asks for the recording of one that is not there", async () => {
    const answer = await exported("sessions/s-1/export?format=asciicast&exchange=none", alice);
    expect(answer.json).toMatchObject({ status: 404, detail: expect.stringContaining("no exec") });
  });

  test("is cut off, and not ended, where the store goes away in the middle", async () => {
    pagesLeft = 1;
    await expect(download("/v1alpha1/sessions/s-2/export", alice)).rejects.toThrow(/aborted|reset|hang up/);
  });
});

test.each(["sessions", "sessions/s-1", "sessions/s-1/events", "sessions/s-1/export"])(
  "%s: while the store cannot be asked the answer is a 503 that passes, and says no more",
  async (path) => {
    away = true;
    const { status, headers, json, text } = await exported(path, alice);
    expect([status, json.code, headers["retry-after"]]).toEqual([503, "recorder-unavailable", "5"]);
    expect(text).not.toContain("SIGKILL");
  },
);

test("exports that are asked for at one time share a checkpoint, which is made after each of them was", async () => {
  const made: number[] = [];
  let asked = 0;
  const settled = settleRecord({
    checkpoint: async () => {
      made.push(asked);
      await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    },
    flush: async () => {},
  });
  const signedUpTo = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const own = ++asked;
      await settled();
      return (made.at(-1) ?? 0) >= own;
    }),
  );
  expect([made.length, signedUpTo.every(Boolean)]).toEqual([2, true]);
});

describe("GET /v1alpha1/export", () => {
  test("gives auditors a period of every session", async () => {
    const path = "export?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z";
    const rows = rowsIn((await exported(path, auditor)).text);
    expect(new Set(rows.map((row) => row.session_id))).toEqual(new Set(["s-1", "s-2", "s-bob"]));
  });

  test("is for auditors only", async () => {
    expect((await exported("export", alice)).json).toMatchObject({ status: 403, code: "forbidden" });
  });

  test("is put on record with who read what", async () => {
    await exported("export?format=csv&since=2026-11-22T00:00:00Z", auditor);
    await rig.recorder.flush({ toStore: true });
    const [read] = await rig.recorder.query<{ username: string; payload: string }>(
      "SELECT username, payload FROM events WHERE kind = 'read' AND JSONExtractString(payload, 'what') = 'export' ORDER BY at DESC LIMIT 1",
    );
    expect(read?.username).toBe("corp:olga@example.com");
    expect(JSON.parse(read?.payload ?? "")).toMatchObject({ format: "csv", since: "2026-11-22T00:00:00Z" });
  });
});
