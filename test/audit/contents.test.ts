import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BodyAltered, BodyMissing, bodyContent, bodySize, readBody } from "../../audit/bodies.ts";
import type { Recorder } from "../../audit/event.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { listSegments } from "../../audit/spool/segments.ts";
import { openStore } from "../../audit/store/open.ts";
import type { Store, StoreReader } from "../../audit/store/store.ts";
import { sha256 } from "../../base/digest.ts";
import { draft, keptFolder, recorderOptions } from "./rig.ts";

const MiB = 1024 * 1024;
const { path, remove } = keptFolder();
const options = recorderOptions(path);
let audit: Recorder & StoreReader;

beforeAll(async () => {
  audit = await openRecorder(options);
});
afterAll(async () => {
  await audit.close();
  remove();
});

async function partsOf(digest: string, store: StoreReader = audit, tenant = "default"): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  for await (const part of readBody(store, tenant, digest)) parts.push(part);
  return parts;
}
const rowNamed = async (name: string): Promise<{ response_body: string; payload: string }> => {
  await audit.flush({ toStore: true });
  const rows = await audit.query<{ response_body: string; payload: string }>(
    "SELECT response_body, payload FROM events WHERE name = {name:String}",
    { name },
  );
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows are named ${name}`);
  return row;
};

describe("a content", () => {
  it("is kept and read in parts of 1 MiB where it is larger, and what two contents share is kept once", async () => {
    const shared = randomBytes(3 * MiB);
    const contents = [Buffer.concat([shared, Buffer.from("one")]), Buffer.concat([shared, Buffer.from("two")])];
    for (const content of contents) audit.record(draft({ session_id: "parts", response_content: content }));
    await audit.flush({ toStore: true });
    for (const content of contents) {
      const parts = await partsOf(sha256(content));
      expect(parts.map(({ length }) => length)).toEqual([MiB, MiB, MiB, 3]);
      expect(Buffer.concat(parts).equals(content)).toBe(true);
      expect(await bodySize(audit, "default", sha256(content))).toBe(content.length);
    }
    const [kept] = await audit.query<{ bytes: string }>("SELECT sum(length(content)) AS bytes FROM bodies FINAL");
    expect(Number(kept?.bytes)).toBe(3 * MiB + 6);
  });

  it("that comes in parts is whole under its SHA-256 in the event that ends it", async () => {
    const content = randomBytes(2 * MiB + 77);
    for (let offset = 0; offset < content.length; offset += MiB) {
      await audit.recordPart({ stream: "x", offset, bytes: content.subarray(offset, offset + MiB) });
      audit.record(draft({ session_id: "between" }));
    }
    audit.record(draft({ name: "streamed", response_stream: { id: "x", bytes: content.length } }));
    const { response_body } = await rowNamed("streamed");
    expect(response_body).toBe(sha256(content));
    expect(Buffer.concat(await partsOf(response_body)).equals(content)).toBe(true);
  });

  it.each([
    ["of which a part is missing", [0, 5], 15],
    ["of which none came", [], 10],
    ["whose end is missing", [0], 10],
    ["that was abandoned", [0, "abandoned"], 5],
  ] as const)("%s is not on record, and its event says so", async (title, parts, bytes) => {
    for (const offset of parts) {
      if (offset === "abandoned") await audit.recordPart({ stream: title, offset: 5 });
      else await audit.recordPart({ stream: title, offset: offset * 2, bytes: Buffer.from("12345") });
    }
    audit.record(draft({ name: title, response_stream: { id: title, bytes } }));
    const row = await rowNamed(title);
    expect(row.response_body).toBe("");
    expect(JSON.parse(row.payload)).toEqual({ contentMissing: true });
  });

  it("is compressed in the spool", async () => {
    const spooled = (): number => listSegments(options.spool.path).reduce((sum, { bytes }) => sum + bytes, 0);
    const before = spooled();
    const text = Array.from({ length: 20_000 }, (_, n) => `line ${n} of a log\n`).join("");
    await audit.recordDurably(draft({ name: "log", response_content: Buffer.from(text) }));
    expect(spooled() - before).toBeLessThan(text.length / 4);
    expect((await bodyContent(audit, "default", (await rowNamed("log")).response_body))?.toString()).toBe(text);
  });

  it("that was never recorded is missing", async () => {
    await expect(partsOf(sha256("nothing"))).rejects.toThrow(BodyMissing);
    expect(await bodyContent(audit, "default", sha256("nothing"))).toBeUndefined();
  });
});

describe("a content that somebody changed in the store", () => {
  const altered = keptFolder();
  let store: Store;
  beforeAll(async () => {
    store = await openStore(recorderOptions(altered.path).store);
  });
  afterAll(async () => {
    await store.close();
    altered.remove();
  });

  const [a, b] = [Buffer.from("a part"), Buffer.from("another")];
  const whole = sha256(Buffer.concat([a, b]));
  const list = (chunks: string[]) => ({ sha256: whole, content: Buffer.alloc(0), size: 13, chunks });
  const part = (content: Buffer, digest = sha256(content)) => ({ sha256: digest, content });

  it.each([
    ["another content", [part(Buffer.from("nice"), whole)]],
    ["a part exchanged", [part(a), part(Buffer.from("nice"), sha256(b)), list([sha256(a), sha256(b)])]],
    ["a part removed", [part(a), list([sha256(a), sha256(b)])]],
    ["its list cut short", [part(a), part(b), list([sha256(a)])]],
    ["its parts in another order", [part(a), part(b), list([sha256(b), sha256(a)])]],
    ["a list that names itself", [list([whole])]],
  ])("is never handed out as what was recorded: %s", async (tenant, bodies) => {
    await store.insertBodies(bodies.map((body) => ({ tenant, ...body })));
    await expect(partsOf(whole, store, tenant)).rejects.toThrow(BodyAltered);
  });
});
