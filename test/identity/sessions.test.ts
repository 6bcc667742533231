import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { base64url, decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Authenticator, AuthenticatorOptions } from "../../identity/authenticator.ts";
import { createEndedSessions } from "../../identity/ended-sessions.ts";
import type { ExchangeRequest } from "../../identity/exchange-request.ts";
import type { SessionKey } from "../../identity/keys-file.ts";
import { cpuTime } from "../clocks.ts";
import {
  authenticator,
  GATEWAY,
  issuerConfig,
  type KeyServer,
  refusalCode,
  type SigningKey,
  sessionKey,
  sign,
  signingKey,
  startKeyServer,
  testClock,
} from "./rig.ts";

let server: KeyServer;
let key: SigningKey;
let signer: SessionKey;
let clock: ReturnType<typeof testClock>;
let auth: Authenticator;

beforeAll(async () => {
  key = await signingKey();
  signer = await sessionKey();
  server = await startKeyServer([key.publicJwk]);
});
afterAll(() => server.close());
beforeEach(async () => {
  clock = testClock();
  auth = await replica();
  return () => auth.close();
});

function replica(more: Partial<AuthenticatorOptions> = {}): Promise<Authenticator> {
  const config = issuerConfig({ issuer: server.issuer, claims: { username: "sub", groups: "groups", uid: "sub" } });
  return authenticator([config], { clock, sessionKeys: [signer], ...more });
}
function idToken(sub = "alice", more: JWTPayload = {}): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  return sign(key, {
    iss: server.issuer,
    sub,
    aud: "sallyport",
    iat: now,
    exp: now + 86_400,
    groups: ["devs"],
    ...more,
  });
}
const request = (subjectToken: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  subjectToken,
  subjectTokenType: "id_token",
  agent: "",
  reason: "",
  labels: {},
  ...more,
});
const renewal = (subjectToken: string) => request(subjectToken, { subjectTokenType: "access_token" });

describe("a session token", () => {
  it("carries the identity and the session, so that a replica that shares only the keys knows both", async () => {
    const labels = { claude_code_session_id: "c-1" };
    const answer = await auth.exchange(request(await idToken(), { agent: "claude", reason: "deploy", labels }));
    expect(answer).toMatchObject({
      token_type: "Bearer",
      expires_in: 900,
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    });
    const other = await replica();
    const { identity, session } = await other.authenticate(answer.access_token, "data");
    await other.close();
    expect(identity).toMatchObject({ issuer: "corp", username: "corp:alice", groups: ["corp:devs"], hasActor: false });
    expect(session).toMatchObject({
      id: answer.session_id,
      agent: "claude",
      reason: "deploy",
      labels,
      source: "session-token",
      owner: { issuer: "corp", username: "corp:alice" },
    });
  });
  it("names the gateway as its issuer and a type of its own", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    expect(decodeProtectedHeader(access_token)).toMatchObject({ alg: "ES256", typ: "sallyport-session+jwt" });
    expect(decodeJwt(access_token)).toMatchObject({ iss: GATEWAY, aud: GATEWAY });
  });
  it("takes its roles from the configuration of the moment, not from the token", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    const config = issuerConfig({ issuer: server.issuer });
    const roles = { approver: ["group:corp:devs"], auditor: [], breakGlass: [] };
    const other = await authenticator([config], { clock, sessionKeys: [signer], config: { roles } });
    expect((await other.authenticate(access_token, "data")).identity.roles).toEqual(["approver"]);
    await other.close();
  });
  it("of an issuer that left the configuration is refused", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    const other = await authenticator([issuerConfig({ name: "new" })], { clock, sessionKeys: [signer] });
    expect(await refusalCode(() => other.authenticate(access_token, "data"))).toBe("unauthenticated");
    await other.close();
  });
  it("of another tenant is refused", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    const other = await authenticator([issuerConfig({})], { clock, sessionKeys: [signer], config: { tenant: "b" } });
    expect(await refusalCode(() => other.authenticate(access_token, "data"))).toBe("unauthenticated");
    await other.close();
  });
  it("is verified by every key of the list, and signed by the first", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    const rotated = await replica({ sessionKeys: [await sessionKey(), signer] });
    await rotated.authenticate(access_token, "data");
    const next = await rotated.exchange(renewal(access_token));
    expect(await refusalCode(() => auth.authenticate(next.access_token, "data"))).toBe("unauthenticated");
    expect(rotated.jwks().keys.map((jwk) => jwk.kid)).toHaveLength(2);
    expect(JSON.stringify(rotated.jwks())).not.toContain('"d"');
    await rotated.close();
  });
  it("expires after fifteen minutes", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    await auth.authenticate(access_token, "data");
    clock.advance(901);
    expect(await refusalCode(() => auth.authenticate(access_token, "data"))).toBe("unauthenticated");
  });
});

describe("a renewal", () => {
  it("keeps the session and its limit", async () => {
    const first = await auth.exchange(request(await idToken(), { agent: "claude" }));
    clock.advance(600);
    const second = await auth.exchange(renewal(first.access_token));
    const a = (await auth.authenticate(first.access_token, "data")).session;
    const b = (await auth.authenticate(second.access_token, "data")).session;
    expect(b).toEqual(a);
  });
  it("is granted within the idle limit, and not after it", async () => {
    const { access_token } = await auth.exchange(request(await idToken()));
    clock.advance(3500);
    await auth.exchange(renewal(access_token));
    clock.advance(101);
    expect(await refusalCode(() => auth.exchange(renewal(access_token)))).toBe("unauthenticated");
  });
  it("never goes past the session's limit", async () => {
    let { access_token } = await auth.exchange(request(await idToken()));
    let expiresIn = 0;
    for (let spent = 0; spent < 42_400; spent += 800) {
      clock.advance(800);
      ({ access_token, expires_in: expiresIn } = await auth.exchange(renewal(access_token)));
    }
    expect(expiresIn).toBeLessThan(900);
    clock.advance(expiresIn + 1);
    expect(await refusalCode(() => auth.exchange(renewal(access_token)))).toBe("unauthenticated");
  });
  it("is not had for an ID token, nor an exchange for a session token", async () => {
    const raw = await idToken();
    expect(await refusalCode(() => auth.exchange(renewal(raw)))).toBe("unauthenticated");
    const { access_token } = await auth.exchange(request(raw));
    expect(await refusalCode(() => auth.exchange(request(access_token)))).toBe("bad-request");
  });
});

describe("with an actor token", () => {
  it("the caller is the agent under its own identity, and the owner is the subject", async () => {
    const answer = await auth.exchange(
      request(await idToken("alice"), { actorToken: await idToken("bot", { groups: ["agents"] }) }),
    );
    const { identity, session } = await auth.authenticate(answer.access_token, "data");
    expect(identity).toMatchObject({ username: "corp:bot", groups: ["corp:agents"], hasActor: true });
    expect(session.owner).toEqual({ issuer: "corp", username: "corp:alice" });
  });
  it("that is bad, nothing is exchanged", async () => {
    const actorToken = await idToken("bot", { aud: "billing" });
    expect(await refusalCode(async () => auth.exchange(request(await idToken(), { actorToken })))).toBe(
      "unauthenticated",
    );
  });
});

describe("a raw ID token", () => {
  it("is a session of its own, the same on every replica", async () => {
    const token = await idToken();
    const other = await replica();
    const here = (await auth.authenticate(token, "data")).session;
    expect((await other.authenticate(token, "data")).session).toEqual(here);
    expect(here).toMatchObject({ source: "id-token", startedAt: Math.floor(clock.now() / 1000) * 1000 });
    await other.close();
  });
  it("of long life ends with the session's limit", async () => {
    const token = await idToken();
    await auth.authenticate(token, "data");
    clock.advance(43_200 + 31);
    expect(await refusalCode(() => auth.authenticate(token, "data"))).toBe("unauthenticated");
  });
  it("with an act claim says that an agent acts", async () => {
    const token = await idToken("alice", { act: { sub: "bot" } });
    expect((await auth.authenticate(token, "data")).identity.hasActor).toBe(true);
  });
});

describe("a token that was verified before", () => {
  it("is answered synchronously, with the very object", async () => {
    const token = await idToken();
    const first = await auth.authenticate(token, "data");
    expect(auth.authenticate(`${token}`, "data")).toBe(first);
    expect(() => first.identity.groups.push("system:masters")).toThrow(TypeError);
  });
  it("is answered within a few microseconds", async () => {
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, i) => idToken(`u${i}`)));
    for (const token of tokens) await auth.authenticate(token, "data");
    const took = cpuTime();
    for (let i = 0; i < 20_000; i++) auth.authenticate(tokens[i % 100] as string, "data");
    const each = took() / 20_000;
    console.info(`authenticate, known token: ${Math.round(each * 1e6)} ns`);
    expect(each).toBeLessThan(0.02);
  });
});

describe("an ended session", () => {
  it("is refused at once, and its listeners are told once", async () => {
    const { access_token, session_id } = await auth.exchange(request(await idToken()));
    await auth.authenticate(access_token, "data");
    const told: string[] = [];
    const stop = auth.onSessionEnd((id) => told.push(id));
    auth.endSession(session_id);
    auth.endSession(session_id);
    stop();
    expect(told).toEqual([session_id]);
    expect(auth.isEnded(session_id)).toBe(true);
    expect(await refusalCode(() => auth.authenticate(access_token, "data"))).toBe("session-ended");
    expect(await refusalCode(() => auth.exchange(renewal(access_token)))).toBe("session-ended");
  });
  it("is told to every listener, one that fails notwithstanding", async () => {
    const told: string[] = [];
    auth.onSessionEnd(() => {
      throw new Error("this one fails");
    });
    auth.onSessionEnd((id) => told.push(id));
    auth.endSession("some-session");
    expect(told).toEqual(["some-session"]);
  });
  it("cannot be reopened with the ID token that it was made from, exchanged or raw", async () => {
    const raw = await idToken();
    const { session_id } = await auth.exchange(request(raw));
    auth.endSession(session_id);
    expect(await refusalCode(() => auth.exchange(request(raw)))).toBe("session-ended");
    expect(await refusalCode(() => auth.authenticate(raw, "data"))).toBe("session-ended");
  });
  it("of an agent takes both its own token and its owner's with it", async () => {
    const [owner, actorToken] = [await idToken("alice"), await idToken("bot")];
    const { session_id } = await auth.exchange(request(owner, { actorToken }));
    auth.endSession(session_id);
    for (const token of [owner, actorToken])
      expect(await refusalCode(() => auth.exchange(request(token)))).toBe("session-ended");
  });
  it("leaves other sessions of the same ID token alone", async () => {
    const raw = await idToken();
    const [one, two] = [await auth.exchange(request(raw)), await auth.exchange(request(raw))];
    auth.endSession(one.session_id);
    expect((await auth.authenticate(two.access_token, "data")).session.id).toBe(two.session_id);
  });
  it("of a raw ID token ends what was exchanged for that token as well", async () => {
    const raw = await idToken();
    const { session } = await auth.authenticate(raw, "data");
    const { access_token } = await auth.exchange(request(raw));
    auth.endSession(session.id);
    expect(await refusalCode(() => auth.authenticate(raw, "data"))).toBe("session-ended");
    expect(await refusalCode(() => auth.authenticate(access_token, "data"))).toBe("session-ended");
  });
  it("is not reopened by respelling the signature: ECDSA's other s, base64url's spare bits", async () => {
    const raw = await idToken();
    const { session } = await auth.authenticate(raw, "data");
    auth.endSession(session.id);
    const codes = [];
    for (const spelling of [otherS(raw), spareBits(raw)])
      codes.push(await refusalCode(() => auth.authenticate(spelling, "data")));
    expect(codes).toEqual(["session-ended", "session-ended"]);
  });
  it("is known to a replica that is told its id, and to the next process by its file", async () => {
    const raw = await idToken();
    const { session_id } = await auth.exchange(request(raw));
    const folder = mkdtempSync(join(tmpdir(), "sallyport-ended-"));
    const path = join(folder, "ended");
    const first = await replica({ ended: createEndedSessions(clock, path) });
    first.endSession(session_id);
    await first.close();
    const second = await replica({ ended: createEndedSessions(clock, path) });
    expect(await refusalCode(() => second.exchange(request(raw)))).toBe("session-ended");
    await second.close();
    rmSync(folder, { recursive: true });
  });
});

const N = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

/** (r, n − s) is a signature of the same message as (r, s). */
function otherS(token: string): string {
  const [header, payload, signature = ""] = token.split(".");
  const bytes = Buffer.from(base64url.decode(signature));
  const s = N - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  Buffer.from(s.toString(16).padStart(64, "0"), "hex").copy(bytes, 32);
  return `${header}.${payload}.${base64url.encode(bytes)}`;
}

/** 64 bytes are 86 characters with four bits to spare. */
function spareBits(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1) ?? "");
  return token.slice(0, -1) + alphabet[last ^ 1];
}
