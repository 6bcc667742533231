import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type BundleFiles, packBundle, unpackBundle } from "../../engine/bundle/archive.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import { loadPolicySource } from "../../engine/bundle/load.ts";
import { runOpa } from "../../engine/bundle/opa.ts";
import { SIGNATURES, signBundle } from "../../engine/bundle/sign.ts";
import { verifyBundle } from "../../engine/bundle/verify.ts";
import { folder, opa, REGO } from "./support.ts";

const pair = (): { publicKey: string; privateKey: string } =>
  generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
const ours = pair();
const theirs = pair();
let signed: BundleFiles;

beforeAll(async () => {
  const { files } = await compileBundle({ sources: [REGO], opa });
  signed = await signBundle(files, ours.privateKey);
});

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

test("a signed bundle verifies after it was packed and unpacked, with either of two keys that rotate", async () => {
  const files = await unpackBundle(await packBundle(signed), "b");
  await expect(verifyBundle(files, [theirs.publicKey, ours.publicKey], "b")).resolves.toBeUndefined();
});

test.for<[string, (files: BundleFiles) => void, string]>([
  ["whose WASM was altered", (files) => files.set("policy.wasm", text("x")), "policy.wasm was altered"],
  ["whose data were altered", (files) => files.set("data.json", text('{"rules":{}}')), "data.json was altered"],
  ["that lost a file", (files) => files.delete("data.json"), "data.json was signed and is missing"],
  ["that got a file more", (files) => files.set("more.json", text("{}")), "more.json was added"],
  ["that isn't signed", (files) => files.delete(SIGNATURES), "it is not signed"],
  ["whose signature is malformed", (files) => files.set(SIGNATURES, text("{")), "is malformed"],
  [
    "whose signature says alg none",
    (files) => files.set(SIGNATURES, text('{"signatures":["eyJhbGciOiJub25lIn0.eyJmaWxlcyI6W119."]}')),
    "no configured key",
  ],
])("a bundle %s is refused", async ([, change, message]) => {
  const files = new Map(signed);
  change(files);
  await expect(verifyBundle(files, [ours.publicKey], "b.tar.gz")).rejects.toThrow(message);
});

test("a bundle signed by another key is refused", async () => {
  await expect(verifyBundle(signed, [theirs.publicKey], "b.tar.gz")).rejects.toThrow("no configured key");
});

test("opa itself verifies our signature, and refuses another key's", async () => {
  const at = await folder();
  await writeFile(join(at, "b.tar.gz"), await packBundle(signed));
  await writeFile(join(at, "ours.pem"), ours.publicKey);
  await writeFile(join(at, "theirs.pem"), theirs.publicKey);
  const verify = (key: string): ReturnType<typeof runOpa> =>
    runOpa(
      opa,
      ["build", "-b", "b.tar.gz", "--verification-key", key, "--signing-alg", "ES256", "--verification-key-id", "k"],
      { cwd: at },
    );
  expect((await verify("ours.pem")).stderr).toBe("");
  expect((await verify("theirs.pem")).code).not.toBe(0);
});

test("policy.verify refuses a folder of sources, and says how to build a bundle", async () => {
  const source = { bundle: REGO, rules: [], verify: true, publicKeyFiles: [] };
  await expect(loadPolicySource(source, { opa })).rejects.toMatchObject({
    message: expect.stringContaining("a folder of sources, which nobody signed"),
    next: expect.stringContaining("sallyport policy build"),
  });
});

test("policy.verify loads a signed file, and refuses one that another key signed", async () => {
  const at = await folder({ "ours.pem": ours.publicKey, "theirs.pem": theirs.publicKey });
  await writeFile(join(at, "b.tar.gz"), await packBundle(signed));
  const load = (key: string): ReturnType<typeof loadPolicySource> =>
    loadPolicySource({ bundle: join(at, "b.tar.gz"), rules: [], verify: true, publicKeyFiles: [join(at, key)] });
  expect((await load("ours.pem")).rules).toHaveProperty(["workload/host-path"]);
  await expect(load("theirs.pem")).rejects.toThrow("no configured key");
});

test("a URL, and a file that isn't there, are told as such", async () => {
  const load = (bundle: string): ReturnType<typeof loadPolicySource> =>
    loadPolicySource({ bundle, rules: [], verify: false, publicKeyFiles: [] });
  await expect(load("https://x.example/b.tar.gz")).rejects.toThrow("which only `sallyport serve` fetches");
  await expect(load("/nowhere/b.tar.gz")).rejects.toThrow("/nowhere/b.tar.gz cannot be read");
});
