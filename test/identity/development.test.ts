import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens, signIn } from "../../identity/development/sign-in.ts";
import { authenticator, issuerConfig, refusalCode, testClock } from "./rig.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Every file of ours that a file reaches by imports, static and dynamic. */
function reached(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry) || !existsSync(entry)) return seen;
  seen.add(entry);
  for (const [, path = ""] of readFileSync(entry, "utf8").matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+\.ts)["']/g))
    reached(join(dirname(entry), path), seen);
  return seen;
}
const reachesDevelopment = (entry: string): string[] =>
  [...reached(entry)].map((file) => relative(ROOT, file)).filter((file) => file.startsWith("identity/development/"));

describe("the development issuer", () => {
  it("is not reached by any import of what serve is made of", () => {
    const parts = globSync(["{proxy,console,agent}/**/*.ts", "identity/*.ts", "cli/serve{.ts,/**/*.ts}"], {
      cwd: ROOT,
    });
    expect(parts).toContain("identity/authenticator.ts");
    for (const part of parts) expect([part, reachesDevelopment(join(ROOT, part))]).toEqual([part, []]);
  });
  it("would be found by that search where it is imported", () => {
    expect(reachesDevelopment(join(ROOT, "test/identity/rig.ts"))).toEqual([]);
    expect(reachesDevelopment(import.meta.filename)).toContain("identity/development/provider.ts");
  });
});

describe("a login with the development issuer", () => {
  let issuer: DevelopmentIssuer;
  let auth: Authenticator;
  beforeAll(async () => {
    issuer = await startDevelopmentIssuer();
    auth = await authenticator([issuerConfig(issuer.config)], { clock: systemClock });
  });
  afterAll(async () => {
    await auth.close();
    await issuer.close();
  });

  it("gives an ID token with groups, which the gateway takes", async () => {
    const { idToken, refreshToken } = await developmentTokens(issuer, "agent");
    expect(decodeProtectedHeader(idToken).alg).toBe("ES256");
    expect(refreshToken).toBeTypeOf("string");
    const { identity } = await auth.authenticate(idToken, "data");
    expect(identity).toMatchObject({ username: "dev:agent@example.com", groups: ["dev:devs", "dev:agents"] });
  });
  it("for approving gives a token that says when its owner logged in, and is no good for the data path", async () => {
    const { idToken, refreshToken } = await developmentTokens(issuer, "alice", "admin");
    expect(decodeJwt(idToken).auth_time).toBeTypeOf("number");
    expect(refreshToken).toBeUndefined();
    expect((await auth.authenticate(idToken, "admin")).identity.audience).toBe("admin");
    expect(await refusalCode(() => auth.authenticate(idToken, "data"))).toBe("unauthenticated");
  });
  it("with a wrong password, or as an unknown user, is refused", async () => {
    const form = new URLSearchParams({ client_id: issuer.clientId, scope: "openid" });
    const started = await (await fetch(`${issuer.issuer}/device/auth`, { method: "POST", body: form })).json();
    const link = (started as { verification_uri_complete: string }).verification_uri_complete;
    await expect(signIn(link, { login: "alice", password: "guess" })).rejects.toThrow(/401/);
  });
  it("works across a rotation of its keys: tokens of the old key until it is forgotten, of the new one at once", async () => {
    const rotating = await startDevelopmentIssuer();
    const moving = testClock();
    const gateway = await authenticator([issuerConfig(rotating.config)], { clock: moving });
    const before = (await developmentTokens(rotating, "bob")).idToken;
    await gateway.authenticate(before, "data");
    await rotating.rotateKeys();
    moving.advance(6);
    const after = (await developmentTokens(rotating, "bob")).idToken;
    await gateway.authenticate(after, "data");
    await gateway.authenticate(before, "data");
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
    rotating.forgetOldKeys();
    moving.advance(301);
    await gateway.authenticate((await developmentTokens(rotating, "alice")).idToken, "data");
    expect(await refusalCode(() => gateway.authenticate(before, "data"))).toBe("unauthenticated");
    await gateway.close();
    await rotating.close();
  });
});
