import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../base/errors.ts";
import {
  generateHmacKeyFile,
  generateSessionKeyFile,
  loadHmacKeys,
  loadSessionKeys,
} from "../../identity/keys-file.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-keys-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string, content?: string): string => {
  const path = join(folder, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
};

describe("key files", () => {
  it("are generated for their owner alone, and load", async () => {
    await generateSessionKeyFile(at("s.jwk"));
    generateHmacKeyFile(at("h.key"));
    expect([statSync(at("s.jwk")).mode & 0o777, statSync(at("h.key")).mode & 0o777]).toEqual([0o600, 0o600]);
    expect((await loadSessionKeys([at("s.jwk")]))[0]?.privateKey).toBeDefined();
    expect(loadHmacKeys([at("h.key")])[0]).toHaveLength(32);
  });
  it("are never overwritten", async () => {
    await generateSessionKeyFile(at("once.jwk"));
    await expect(generateSessionKeyFile(at("once.jwk"))).rejects.toThrow(/EEXIST/);
  });
  it("may hold a public key only, after the first, which signs", async () => {
    await generateSessionKeyFile(at("a.jwk"));
    await generateSessionKeyFile(at("b.jwk"));
    const { d: _d, ...rest } = JSON.parse(readFileSync(at("b.jwk"), "utf8")) as Record<string, string>;
    const pub = at("b.pub", JSON.stringify(rest));
    expect(await loadSessionKeys([at("a.jwk"), pub])).toHaveLength(2);
    await expect(loadSessionKeys([pub])).rejects.toThrow(/holds no private key/);
  });

  const BAD: [string, string, RegExp][] = [
    ["text", "secret-text", /is not JSON/],
    ["a null", "null", /is not a JWK/],
    ["a symmetric key", '{"kty":"oct","k":"c2VjcmV0LXRleHQ"}', /is not a JWK of an EC key/],
    [
      "a point that is not on the curve",
      '{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA","d":"AAAA"}',
      /cannot be used/,
    ],
  ];
  it.each(BAD)("that hold %s are refused without showing it", async (_title, content, message) => {
    const load = loadSessionKeys([at("bad.jwk", content)]);
    await expect(load).rejects.toThrow(UserError);
    await expect(load).rejects.toThrow(message);
    await expect(load).rejects.not.toThrow(/secret-text/);
  });
  it("for HMACs shorter than 32 bytes are refused", () => {
    expect(() => loadHmacKeys([at("short.key", Buffer.alloc(16).toString("base64"))])).toThrow(/at least 32 bytes/);
  });
  it("that are missing are named", async () => {
    await expect(loadSessionKeys([at("missing")])).rejects.toThrow(/missing cannot be read \(ENOENT\)/);
  });
});
