import { createPublicKey } from "node:crypto";
import { base64url, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RefusalCode } from "../../base/errors.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { MAX_TOKEN_CHARS } from "../../identity/verify.ts";
import {
  authenticator,
  GATEWAY,
  issuerConfig,
  refusal,
  type SigningKey,
  sessionKey,
  sign,
  signingKey,
  testClock,
} from "./rig.ts";

const clock = testClock();
const now = Math.floor(clock.now() / 1000);
let issuer: DevelopmentIssuer;
let key: SigningKey;
let other: SigningKey;
let auth: Authenticator;
let foreign: Authenticator;

beforeAll(async () => {
  key = await signingKey();
  other = await signingKey();
  issuer = await startDevelopmentIssuer({ keys: [key.privateJwk] });
  const config = issuerConfig({ issuer: issuer.issuer, clientId: "sallyport-cli", require: { tier: "staff" } });
  auth = await authenticator([config], { clock });
  foreign = await authenticator([config], { clock, sessionKeys: [await sessionKey()] });
});
afterAll(async () => {
  await auth.close();
  await foreign.close();
  await issuer.close();
});

function good(more: JWTPayload = {}): JWTPayload {
  return {
    iss: issuer.issuer,
    sub: "u1",
    aud: "sallyport",
    iat: now - 10,
    exp: now + 600,
    email: "dev@example.com",
    email_verified: true,
    tier: "staff",
    groups: ["devs"],
    ...more,
  };
}
const without = (...names: string[]): JWTPayload =>
  Object.fromEntries(Object.entries(good()).filter(([name]) => !names.includes(name)));
const admin = (more: JWTPayload = {}): JWTPayload => good({ aud: "sallyport-admin", auth_time: now - 20, ...more });
const unsigned = (header: object, claims: JWTPayload): string =>
  `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(claims))}.`;

async function hs256WithThePublicKey(): Promise<string> {
  const pem = createPublicKey({ key: key.publicJwk as never, format: "jwk" }).export({ type: "spki", format: "pem" });
  return new SignJWT(good()).setProtectedHeader({ alg: "HS256", kid: key.kid }).sign(Buffer.from(pem));
}

async function sessionTokenOf(from: Authenticator): Promise<string> {
  const subjectToken = await sign(key, good());
  const answer = await from.exchange({ subjectToken, subjectTokenType: "id_token", agent: "", reason: "", labels: {} });
  return answer.access_token;
}

type Case = [title: string, token: () => string | Promise<string>, code: RefusalCode, message: RegExp];

const DATA: Case[] = [
  ["an empty token (CVE-2023-48312)", () => "", "unauthenticated", /not a JSON Web Token/],
  ["a token that is no JWS (CVE-2023-48312)", () => "a.b.c", "unauthenticated", /not a JSON Web Token/],
  ["an opaque token", () => "gho_0123456789abcdef", "unauthenticated", /not a JSON Web Token/],
  ["an expired token (CVE-2023-48312)", () => sign(key, good({ exp: now - 60 })), "unauthenticated", /expired/],
  ["a token that is not valid yet", () => sign(key, good({ nbf: now + 60 })), "unauthenticated", /not valid yet/],
  ["a token without exp", () => sign(key, without("exp")), "unauthenticated", /no exp/],
  ["a token without iat", () => sign(key, without("iat")), "unauthenticated", /no iat/],
  ["a token without sub", () => sign(key, without("sub")), "unauthenticated", /no sub/],
  [
    "an exp that is a string",
    () => sign(key, good({ exp: String(now + 600) as never })),
    "unauthenticated",
    /exp is wrong/,
  ],
  ["an iat in the future", () => sign(key, good({ iat: now + 60 })), "unauthenticated", /issued in the future/],
  [
    "a wrong audience (CVE-2023-48312)",
    () => sign(key, good({ aud: "billing" })),
    "unauthenticated",
    /another audience/,
  ],
  ["no audience", () => sign(key, without("aud")), "unauthenticated", /no aud/],
  ["an admin token on the data path", () => sign(key, admin()), "unauthenticated", /another audience/],
  [
    "several audiences without azp",
    () => sign(key, good({ aud: ["sallyport", "billing"] })),
    "unauthenticated",
    /no azp/,
  ],
  [
    "several audiences and another party",
    () => sign(key, good({ aud: ["sallyport", "billing"], azp: "billing" })),
    "unauthenticated",
    /client that the gateway does not know/,
  ],
  [
    "one audience and another party",
    () => sign(key, good({ azp: "billing" })),
    "unauthenticated",
    /client that the gateway does not know/,
  ],
  [
    "an azp that is a list",
    () => sign(key, good({ azp: ["sallyport"] })),
    "unauthenticated",
    /client that the gateway does not know/,
  ],
  ["alg none (CVE-2023-48312)", () => unsigned({ alg: "none" }, good()), "unauthenticated", /algorithm/],
  ["alg none in odd case", () => unsigned({ alg: "nOnE", typ: "JWT" }, good()), "unauthenticated", /algorithm/],
  ["HS256 with the public key", hs256WithThePublicKey, "unauthenticated", /algorithm/],
  [
    "an algorithm that the issuer is not configured for",
    async () => sign(await signingKey("ES384", key.kid), good()),
    "unauthenticated",
    /algorithm/,
  ],
  ["an unknown kid", () => sign(other, good()), "unauthenticated", /key that its issuer does not have/],
  [
    "a known kid with another key",
    () => sign({ ...other, kid: key.kid }, good()),
    "unauthenticated",
    /signature is wrong/,
  ],
  [
    "a signature cut off",
    async () => (await sign(key, good())).replace(/\.[^.]+$/, "."),
    "unauthenticated",
    /malformed|signature/,
  ],
  [
    "claims changed after signing",
    async () => {
      const [header, , signature] = (await sign(key, good())).split(".");
      return `${header}.${base64url.encode(JSON.stringify(good({ email: "root@example.com" })))}.${signature}`;
    },
    "unauthenticated",
    /signature is wrong/,
  ],
  [
    "an unknown issuer",
    () => sign(key, good({ iss: "https://evil.test" })),
    "unauthenticated",
    /issuer that the gateway does not know/,
  ],
  [
    "an issuer with a slash more",
    () => sign(key, good({ iss: `${issuer.issuer}/` })),
    "unauthenticated",
    /issuer that the gateway does not know/,
  ],
  [
    "an issuer that is a list",
    () => sign(key, good({ iss: [issuer.issuer] as never })),
    "unauthenticated",
    /issuer that the gateway does not know/,
  ],
  ["a required claim that is missing", () => sign(key, without("tier")), "unauthenticated", /tier/],
  ["a required claim with another value", () => sign(key, good({ tier: ["staff"] })), "unauthenticated", /tier/],
  [
    "an email that is not verified",
    () => sign(key, good({ email_verified: false })),
    "unauthenticated",
    /not verified/,
  ],
  [
    "an email_verified that is a string",
    () => sign(key, good({ email_verified: "true" })),
    "unauthenticated",
    /not verified/,
  ],
  ["no username", () => sign(key, without("email")), "unauthenticated", /claim email/],
  ["a username that is a number", () => sign(key, good({ email: 7 })), "unauthenticated", /claim email/],
  ["a username that is empty", () => sign(key, good({ email: "  " })), "unauthenticated", /claim email/],
  [
    "a username with a line break",
    () => sign(key, good({ email: "a\r\nImpersonate-Group: system:masters" })),
    "unauthenticated",
    /claim email/,
  ],
  [
    "a username with a right-to-left override",
    () => sign(key, good({ email: "a\u202eb" })),
    "unauthenticated",
    /claim email/,
  ],
  ["a group that is a number", () => sign(key, good({ groups: ["devs", 7] })), "unauthenticated", /claim groups/],
  ["groups that are a number", () => sign(key, good({ groups: 7 })), "unauthenticated", /claim groups/],
  ["groups that are an object", () => sign(key, good({ groups: { devs: true } })), "unauthenticated", /claim groups/],
  ["groups that are null", () => sign(key, good({ groups: null })), "unauthenticated", /claim groups/],
  ["groups within groups", () => sign(key, good({ groups: [["devs"]] })), "unauthenticated", /claim groups/],
  ["an empty group", () => sign(key, good({ groups: [""] })), "unauthenticated", /claim groups/],
  [
    "a group with a control character",
    () => sign(key, good({ groups: ["devs\u0000"] })),
    "unauthenticated",
    /claim groups/,
  ],
  [
    "more groups than the cap (Tremolo 94)",
    () => sign(key, good({ groups: Array.from({ length: 257 }, (_, i) => `g${i}`) })),
    "unauthenticated",
    /257 groups/,
  ],
  [
    "groups left out by Entra (_claim_names)",
    () =>
      sign(key, {
        ...without("groups"),
        _claim_names: { groups: "src1" },
        _claim_sources: { src1: { endpoint: "https://evil.test" } },
      }),
    "unauthenticated",
    /leaves its groups out/,
  ],
  [
    "groups left out by Entra (hasgroups)",
    () => sign(key, { ...without("groups"), hasgroups: true }),
    "unauthenticated",
    /leaves its groups out/,
  ],
  ["an oversized token", () => sign(key, good({ pad: "x".repeat(MAX_TOKEN_CHARS) })), "unauthenticated", /longer than/],
  [
    "an unknown critical header",
    () =>
      new SignJWT(good())
        .setProtectedHeader({ alg: "ES256", kid: key.kid, crit: ["urn:x"], "urn:x": 1 })
        .sign(key.privateKey, { crit: { "urn:x": true } }),
    "unauthenticated",
    /malformed/,
  ],
  ["an access token's type", () => sign(key, good(), { typ: "at+jwt" }), "unauthenticated", /at\+jwt/],
  ["a logout token's type", () => sign(key, good(), { typ: "logout+jwt" }), "unauthenticated", /logout\+jwt/],
  [
    "a logout token by its events",
    () => sign(key, good({ events: { "http://schemas.openid.net/event/backchannel-logout": {} } })),
    "unauthenticated",
    /logout token/,
  ],
  [
    "a session token of another gateway key",
    () => sessionTokenOf(foreign),
    "unauthenticated",
    /session token is not valid/,
  ],
  [
    "an ID token dressed as a session token",
    () => sign(key, good({ iss: GATEWAY, aud: GATEWAY }), { typ: "sallyport-session+jwt" }),
    "unauthenticated",
    /session token is not valid/,
  ],
];

const ADMIN: Case[] = [
  ["a session token", () => sessionTokenOf(auth), "forbidden", /session token does not approve/],
  ["a token for the data path", () => sign(key, good({ auth_time: now })), "unauthenticated", /another audience/],
  [
    "a login older than five minutes",
    () => sign(key, admin({ auth_time: now - 301 })),
    "forbidden",
    /older than five minutes/,
  ],
  ["a login in the future", () => sign(key, admin({ auth_time: now + 60 })), "forbidden", /older than five minutes/],
  ["no auth_time", () => sign(key, admin({ auth_time: undefined })), "forbidden", /auth_time/],
  ["an auth_time that is a string", () => sign(key, admin({ auth_time: String(now) })), "forbidden", /auth_time/],
  ["an actor", () => sign(key, admin({ act: { sub: "agent" } })), "forbidden", /actor/],
  ["an expired token", () => sign(key, admin({ exp: now - 60 })), "unauthenticated", /expired/],
  [
    "another party",
    () => sign(key, admin({ azp: "billing" })),
    "unauthenticated",
    /client that the gateway does not know/,
  ],
];

describe("a token for the data path is refused for", () => {
  it.each(DATA)("%s", async (_title, token, code, message) => {
    const value = await token();
    const refused = await refusal(() => auth.authenticate(value, "data"));
    expect([refused.code, refused.message]).toEqual([code, expect.stringMatching(message)]);
  });
});

describe("a token for approving is refused for", () => {
  it.each(ADMIN)("%s", async (_title, token, code, message) => {
    const value = await token();
    const refused = await refusal(() => auth.authenticate(value, "admin"));
    expect([refused.code, refused.message]).toEqual([code, expect.stringMatching(message)]);
  });
});

describe("a good token", () => {
  it("passes on the data path, which the table of bad ones differs from in one thing each", async () => {
    const { identity } = await auth.authenticate(await sign(key, good()), "data");
    expect(identity).toMatchObject({ username: "corp:dev@example.com", groups: ["corp:devs"], audience: "data" });
  });
  it("passes for approving, with a fresh login", async () => {
    const { identity } = await auth.authenticate(await sign(key, admin()), "admin");
    expect(identity).toMatchObject({ username: "corp:dev@example.com", audience: "admin", authTime: now - 20 });
  });
  it("passes with several audiences when it was issued to the gateway's own client", async () => {
    const token = await sign(key, good({ aud: ["sallyport", "billing"], azp: "sallyport-cli" }));
    expect((await auth.authenticate(token, "data")).identity.username).toBe("corp:dev@example.com");
  });
  it("is checked with the issuer's keys, whatever jku, x5u and jwk its header offers", async () => {
    const header = { jku: "https://evil.test/keys", x5u: "https://evil.test/x", jwk: other.publicJwk };
    expect((await auth.authenticate(await sign(key, good(), header), "data")).identity.uid).toBe("u1");
    expect(
      (await refusal(async () => auth.authenticate(await sign({ ...other, kid: key.kid }, good(), header), "data")))
        .code,
    ).toBe("unauthenticated");
  });
  it("passes only for the parties that authorizedParties names, where it names any", async () => {
    const config = issuerConfig({ issuer: issuer.issuer, clientId: "sallyport-cli", authorizedParties: ["ci"] });
    const strict = await authenticator([config], { clock });
    const codes = [];
    for (const azp of ["sallyport-cli", "sallyport", "CI"]) {
      const token = await sign(key, good({ azp }));
      codes.push((await refusal(() => strict.authenticate(token, "data"))).code);
    }
    expect(codes).toEqual(["unauthenticated", "unauthenticated", "unauthenticated"]);
    expect((await strict.authenticate(await sign(key, good({ azp: "ci" })), "data")).identity.uid).toBe("u1");
    await strict.close();
  });
  it("keeps the error's message free of the token", async () => {
    const token = await sign(key, good({ exp: now - 60 }));
    const refused = await refusal(() => auth.authenticate(token, "data"));
    expect(JSON.stringify([refused.message, refused.details.next])).not.toContain(token.slice(0, 20));
  });
});
