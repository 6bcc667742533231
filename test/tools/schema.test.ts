import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensureSchema } from "../../tools/setup/schema.mjs";

const root = new URL("../..", import.meta.url).pathname;
const FOLDER = join("kubernetes", "body", "protobuf");
let checkout: string;

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), "schema-"));
  await mkdir(join(checkout, FOLDER), { recursive: true });
  await copyFile(join(root, "package-lock.json"), join(checkout, "package-lock.json"));
  // In the cache from here on.
  await ensureSchema(root);
});
afterEach(() => rm(checkout, { recursive: true, force: true }));

const schemaOf = (folder: string): Promise<string> => readFile(join(folder, FOLDER, "schema.json"), "utf8");

it("a second checkout gets the protobuf schema from the cache, where there is no go", async () => {
  await mkdir(join(checkout, "path"));
  await symlink(process.execPath, join(checkout, "path", "node"));
  const module = new URL("../../tools/setup/schema.mjs", import.meta.url).href;
  const script = `await (await import("${module}")).ensureSchema(${JSON.stringify(checkout)})`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    env: { ...process.env, PATH: join(checkout, "path") },
  });
  expect(await schemaOf(checkout)).toBe(await schemaOf(root));
  expect(await readdir(join(checkout, FOLDER))).toEqual(["schema.json"]);
});

it.each(["", '{"key":"0123456789abcdef","kinds":{}}'])(
  "a protobuf schema of another state is made anew: %j",
  async (old) => {
    await writeFile(join(checkout, FOLDER, "schema.json"), old);
    await ensureSchema(checkout);
    expect(await schemaOf(checkout)).toBe(await schemaOf(root));
  },
);

it("a protobuf schema that cannot be made says in one line what is missing", async () => {
  const env = { ...process.env, PATH: "", SALLYPORT_CACHE: join(checkout, "cache") };
  const module = new URL("../../tools/setup/schema.mjs", import.meta.url).href;
  const script = `await (await import("${module}")).ensureSchema(${JSON.stringify(checkout)})`;
  const failed = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { env });
  await expect(failed).rejects.toMatchObject({ stderr: expect.stringMatching(/SetupFailure: .*go is not on PATH/) });
});
