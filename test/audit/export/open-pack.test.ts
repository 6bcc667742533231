import { createWriteStream, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { ZipFile } from "yazl";
import { openPack, type PackLimits, type PackLine } from "../../../audit/export/pack-layout.ts";
import { Chains } from "../../../audit/recorder/chain.ts";
import { draft, folder } from "../rig.ts";

const chains = new Chains({ tenant: "default", writer: "w-1", newWriter: () => "w-2" });
const row = (): string =>
  chains.next({ draft: draft(), payload: '{"é":"\\u2028"}', requestBody: "", responseBody: "" }).line;
const EVENTS = `${row()}\n${row()}\n`;
const DIGEST = "a".repeat(64);
const MANIFEST = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "EvidencePack",
  tenant: "default",
  session: "s-1",
  createdAt: "2026-11-22T10:00:00Z",
  gateway: "sallyport/0.1.0",
  files: [{ path: "events.ndjson", sha256: DIGEST, bytes: 1 }],
};

async function all<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

function inFolder(files: Record<string, string>): string {
  const root = join(folder(), "pack");
  mkdirSync(join(root, "bodies"), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
  return root;
}

async function inZip(files: readonly (readonly [string, string])[]): Promise<string> {
  const path = join(folder(), "pack.zip");
  const zip = new ZipFile();
  for (const [name, text] of files) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

async function eventsOf(path: string, limits: Partial<PackLimits> = {}): Promise<PackLine<unknown>[]> {
  const pack = await openPack(path, limits);
  try {
    return await all(pack.events());
  } finally {
    await pack.close();
  }
}

describe("an export that is read", () => {
  const files = { "events.ndjson": EVENTS, "manifest.json": JSON.stringify(MANIFEST), [`bodies/${DIGEST}`]: "text" };

  test.each(["ndjson", "folder", "zip"] as const)("gives the same events from its form %s", async (form) => {
    const plain = join(folder(), "export.ndjson");
    writeFileSync(plain, EVENTS);
    const path = form === "ndjson" ? plain : form === "zip" ? await inZip(Object.entries(files)) : inFolder(files);
    const pack = await openPack(path);
    const events = await all(pack.events());
    expect(pack.form).toBe(form);
    expect(events.map(({ line, value }) => [line, value?.seq, value?.payload])).toEqual([
      [1, expect.any(Number), '{"é":"\\u2028"}'],
      [2, expect.any(Number), '{"é":"\\u2028"}'],
    ]);
    if (form !== "ndjson") {
      expect(await pack.manifest()).toEqual(MANIFEST);
      expect((await pack.small(`bodies/${DIGEST}`))?.toString()).toBe("text");
    }
    await pack.close();
  });

  const whole = JSON.parse(EVENTS.split("\n")[0] ?? "") as Record<string, unknown>;
  const { verb: _, ...without } = whole;
  test.each([
    ["is no JSON", "{", /not JSON/],
    ["is no object", "[]", /no row/],
    ["misses a column", JSON.stringify(without), /no column verb/],
    ["has a column too many", JSON.stringify({ ...whole, more: 1 }), /column "more"/],
    ["has a column of another type", JSON.stringify({ ...whole, seq: "1" }), /seq is no count/],
    ["names a column twice", `{"verb":"delete",${JSON.stringify(whole).slice(1)}`, /names a column twice/],
    ["is longer than the cap", JSON.stringify({ ...whole, name: "x".repeat(5000) }), /longer than 4096 bytes/],
  ])("names a line that %s, and goes on", async (_title, line, problem) => {
    const path = inFolder({ "events.ndjson": `${line}\n${EVENTS}` });
    const events = await eventsOf(path, { lineBytes: 4096 });
    expect(events[0]).toEqual({ line: 1, problem: expect.stringMatching(problem) });
    expect(events.slice(1).map(({ problem }) => problem)).toEqual([undefined, undefined]);
  });

  test("takes a line that another tool wrote anew, whatever stands in its texts", async () => {
    const line = JSON.stringify({ ...whole, name: 'a":1,"b" : \\" :' })
      .replaceAll(',"', ' , "')
      .replaceAll('":', '" : ');
    const path = inFolder({ "events.ndjson": `${line}\n` });
    expect((await eventsOf(path)).map(({ problem }) => problem)).toEqual([undefined]);
  });

  test("names a line that is not UTF-8", async () => {
    const path = join(folder(), "export.ndjson");
    writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d, 0x0a]));
    expect(await eventsOf(path)).toEqual([{ line: 1, problem: "it is not UTF-8" }]);
  });
});

describe("an export is refused", () => {
  test("where it is not there", async () => {
    await expect(openPack(join(folder(), "none"))).rejects.toThrow(/there is no export/);
  });

  test("where its zip hides contents as folders, which nothing would name", async () => {
    const path = await inZip([
      ["bodies0", "hidden"],
      ["bodies1", "hidden"],
    ]);
    writeFileSync(path, readFileSync(path, "latin1").replaceAll(/bodies[01]/g, "bodies/"), "latin1");
    await expect(openPack(path)).rejects.toThrow(/"bodies\/" stands in it twice/);
  });

  test("where its folder holds a link, which may lead anywhere", async () => {
    const path = inFolder({ "events.ndjson": EVENTS });
    symlinkSync("/etc/hostname", join(path, "proofs.ndjson"));
    await expect(openPack(path)).rejects.toThrow(/no file of a pack/);
  });

  test("where its zip holds a name twice, which two readers would read in two ways", async () => {
    const path = await inZip([
      ["events.ndjson", EVENTS],
      ["events.ndjson", ""],
    ]);
    await expect(openPack(path)).rejects.toThrow(/stands in it twice/);
  });

  test("where its zip is cut off", async () => {
    const path = join(folder(), "cut.zip");
    writeFileSync(path, Buffer.from("504b030414000000", "hex"));
    await expect(openPack(path)).rejects.toThrow(/no zip that can be read/);
  });

  test.each([
    ["files", { files: 1 }, /more than 1 files/],
    ["bytes", { bytes: 10 }, /more than 10 bytes/],
  ])("where it passes the cap of %s, as a folder and as a zip", async (_title, limits, problem) => {
    const files = { "events.ndjson": EVENTS, "proofs.ndjson": "{}" };
    await expect(openPack(inFolder(files), limits)).rejects.toThrow(problem);
    await expect(openPack(await inZip(Object.entries(files)), limits)).rejects.toThrow(problem);
  });

  test.each([
    ["no JSON", "{", /not JSON/],
    ["of another kind", JSON.stringify({ ...MANIFEST, kind: "Gateway" }), /kind/],
    ["with a field that nobody knows", JSON.stringify({ ...MANIFEST, extra: 1 }), /extra/],
    [
      "with a path that leaves it",
      JSON.stringify({ ...MANIFEST, files: [{ path: "../x", sha256: DIGEST, bytes: 1 }] }),
      /files.0.path/,
    ],
    ["with a path twice", JSON.stringify({ ...MANIFEST, files: [...MANIFEST.files, ...MANIFEST.files] }), /twice/],
  ])("where its manifest is %s", async (_title, text, problem) => {
    const pack = await openPack(inFolder({ "manifest.json": text }));
    await expect(pack.manifest()).rejects.toThrow(problem);
  });
});
