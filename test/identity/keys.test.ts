import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Authenticator } from "../../identity/authenticator.ts";
import {
  authenticator,
  issuerConfig,
  type KeyServer,
  refusal,
  refusalCode,
  type SigningKey,
  sign,
  signingKey,
  startKeyServer,
  testClock,
} from "./rig.ts";

let server: KeyServer;
let key: SigningKey;
let auth: Authenticator;
let clock: ReturnType<typeof testClock>;

beforeEach(async () => {
  clock = testClock();
  key = await signingKey();
  server = await startKeyServer([key.publicJwk]);
  auth = await authenticator([issuerConfig({ issuer: server.issuer, staleKeysSeconds: 3600 })], { clock });
});
afterEach(async () => {
  await auth.close();
  await server.close();
});

let serial = 0;
/** A new token each time, so that nothing is answered from what was verified before. */
function token(by: SigningKey = key): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  return sign(by, {
    iss: server.issuer,
    sub: `u${serial++}`,
    aud: "sallyport",
    iat: now,
    exp: now + 36_000,
    email: "a@b.c",
  });
}
const authenticate = async (by?: SigningKey) => auth.authenticate(await token(by), "data");
const keyFetches = (): number => server.requests.filter((url) => url === "/keys").length;

describe("an issuer's keys", () => {
  it("are fetched once for many callers at the same time", async () => {
    await Promise.all(Array.from({ length: 20 }, () => authenticate()));
    expect(keyFetches()).toBe(1);
  });
  it("that are new are found by their unknown kid, without a restart", async () => {
    await authenticate();
    const next = await signingKey();
    server.keys = [next.publicJwk, key.publicJwk];
    clock.advance(6);
    await authenticate(next);
    await authenticate();
    expect(keyFetches()).toBe(2);
  });
  it("that were removed are trusted no longer than five minutes, by a token verified before as well", async () => {
    const old = await token();
    await auth.authenticate(old, "data");
    server.keys = [(await signingKey()).publicJwk];
    clock.advance(301);
    await authenticate().catch(() => undefined);
    expect(await refusalCode(() => auth.authenticate(old, "data"))).toBe("unauthenticated");
  });
  it("are fetched again in the background where only known tokens come, so that a removal is noticed", async () => {
    const old = await token();
    await auth.authenticate(old, "data");
    server.keys = [(await signingKey()).publicJwk];
    clock.advance(301);
    await auth.authenticate(old, "data");
    await expect.poll(() => keyFetches()).toBe(2);
    await expect.poll(() => refusalCode(() => auth.authenticate(old, "data"))).toBe("unauthenticated");
  });
  it("go on being used while the provider is down, within staleKeysSeconds and no longer", async () => {
    await authenticate();
    server.answer = "error";
    clock.advance(300 + 3500);
    await authenticate();
    clock.advance(101);
    expect(await refusalCode(() => authenticate())).toBe("identity-unavailable");
  });
  it("that are too old end a token verified before as well", async () => {
    const known = await token();
    await auth.authenticate(known, "data");
    server.answer = "error";
    clock.advance(300 + 3601);
    expect(await refusalCode(() => auth.authenticate(known, "data"))).toBe("identity-unavailable");
  });
  it("are back in use as soon as the provider is", async () => {
    server.answer = "error";
    expect(await refusalCode(() => authenticate())).toBe("identity-unavailable");
    server.answer = "ok";
    clock.advance(6);
    await authenticate();
  });
  it("that are unknown are refused as unavailable while the provider is down: fail closed", async () => {
    await authenticate();
    server.answer = "error";
    clock.advance(6);
    expect(await refusalCode(async () => authenticate(await signingKey()))).toBe("identity-unavailable");
  });
});

describe("tokens with made-up kids", () => {
  it("cost the provider at most one fetch within the cooldown", async () => {
    await authenticate();
    clock.advance(6);
    const strangers = await Promise.all(Array.from({ length: 10 }, () => signingKey()));
    for (const stranger of strangers) expect(await refusalCode(() => authenticate(stranger))).toBe("unauthenticated");
    expect(keyFetches()).toBe(2);
  });
  it("that the provider did not know are not asked for again at once", async () => {
    await authenticate();
    const stranger = await signingKey();
    clock.advance(6);
    await refusal(() => authenticate(stranger));
    clock.advance(6);
    await refusal(() => authenticate(stranger));
    expect(keyFetches()).toBe(2);
  });
});

describe("discovery", () => {
  const unavailable = async () => expect(await refusalCode(() => authenticate())).toBe("identity-unavailable");

  it("that names another issuer is not believed", async () => {
    server.discovery.issuer = "https://idp.test";
    await unavailable();
    expect(keyFetches()).toBe(0);
  });
  it("that names keys over http elsewhere is not followed", async () => {
    server.discovery.jwks_uri = "http://192.0.2.1/keys";
    await unavailable();
  });
  it("that redirects is not followed", async () => {
    server.answer = "redirect";
    await unavailable();
    expect(server.requests).toEqual(["/.well-known/openid-configuration"]);
  });
  it("that is larger than 256 KiB is not read to its end", async () => {
    server.answer = "huge";
    await unavailable();
  });
  it("that never answers is given up after five seconds", async () => {
    server.answer = "hang";
    const asked: number[] = [];
    const { timeout } = AbortSignal;
    vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      asked.push(ms);
      return timeout.call(AbortSignal, ms / 100);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    await unavailable();
    expect(asked).toEqual([5_000]);
  });
  it("never happens for an issuer that is not configured", async () => {
    const now = Math.floor(clock.now() / 1000);
    const stranger = await sign(key, {
      iss: `${server.issuer}/other`,
      sub: "u",
      aud: "sallyport",
      iat: now,
      exp: now + 60,
    });
    expect(await refusalCode(() => auth.authenticate(stranger, "data"))).toBe("unauthenticated");
    expect(server.requests).toEqual([]);
  });
});

describe("a symmetric key in the key set", () => {
  it("is left out: what is published verifies nothing", async () => {
    server.keys = [{ kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ", kid: key.kid }, key.publicJwk];
    expect((await authenticate()).identity.username).toBe("corp:a@b.c");
  });
});
