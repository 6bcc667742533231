import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { kube } from "../gateway/client.ts";
import { type Rig, startRig } from "../gateway/rig.ts";
import { type KeyServer, type SigningKey, sign, signingKey, startKeyServer } from "../identity/rig.ts";

let rig: Rig;
let provider: KeyServer;
let key: SigningKey;
beforeAll(async () => {
  key = await signingKey();
  provider = await startKeyServer([key.publicJwk]);
  rig = await startRig({
    change: (config) => {
      (config.issuers as object[]).push({
        name: "corp",
        issuer: provider.issuer,
        audiences: ["sallyport"],
        adminAudience: "sallyport-admin",
        claims: { username: "email", groups: "groups", uid: "sub" },
        prefix: { username: "corp:", groups: "corp:" },
      });
    },
  });
});
afterAll(async () => {
  await rig.close();
  await provider.close();
});
beforeEach(() => rig.upstream.seen.splice(0));

const PODS = "/api/v1/namespaces/shop/pods";

function tokenWith(groups: string[]): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const who = { sub: "1", email: "carol@example.com", groups };
  return sign(key, { iss: provider.issuer, aud: "sallyport", iat: now, exp: now + 300, ...who });
}

test("Pomerium reproxy: an identity provider's group `dev,system:masters` is one group, behind its prefix", async () => {
  const reply = await kube(rig, "GET", PODS, { token: await tokenWith(["dev,system:masters", "system:masters"]) });
  expect(reply.status).toBe(200);
  const { rawHeaders } = rig.upstream.seen[0] ?? { rawHeaders: [] };
  const groups = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === "impersonate-group");
  expect(groups).toEqual(["corp:dev,system:masters", "corp:system:masters"]);
});

test("Tremolo 94: a token with more groups than the cap asks nothing of the API server, as itself or for a review", async () => {
  const groups = Array.from({ length: 257 }, (_, i) => `g${i}`);
  const reply = await kube(rig, "GET", PODS, { token: await tokenWith(groups) });
  expect(reply.status).toBe(401);
  expect(reply.text).toContain("257 groups");
  expect(rig.upstream.seen).toEqual([]);
});
