import { readFileSync } from "node:fs";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { send, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { swapGuardrails } from "./swap-guardrails.ts";
import {
  dial,
  down,
  EXEC,
  switchProtocols,
  type TunnelClient,
  type TunnelServer,
  up,
  V5,
  withPods,
} from "./tunnel-client.ts";

let rig: Rig;
let issuer: DevelopmentIssuer;
let key: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];
beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  key = pair.privateKey;
  issuer = await startDevelopmentIssuer({ keys: [{ ...(await exportJWK(key)), kid: "k", alg: "ES256", use: "sig" }] });
  rig = await startRig({
    guardrails: { profiles: ["observe"] },
    change: (config) => {
      config.issuers = [{ ...issuer.config, clockSkewSeconds: 0 }];
    },
  });
  rig.upstream.answer = withPods(rig.upstream.answer);
});
afterAll(async () => {
  await rig.close();
  await issuer.close();
});

/** An ID token that ends after so many seconds. */
function idToken(seconds: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ email: "eve@example.com", email_verified: true, groups: [], jti: `${Math.random()}` })
    .setProtectedHeader({ alg: "ES256", kid: "k" })
    .setIssuer(issuer.issuer)
    .setSubject("eve")
    .setAudience(issuer.clientId)
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .sign(key);
}

async function tunnel(token: string): Promise<[TunnelClient, TunnelServer]> {
  const servers = switchProtocols(rig);
  const client = await dial(rig, `GET ${EXEC}`, [`Authorization: Bearer ${token}`, ...V5]);
  expect(client.status).toBe(101);
  return [client, servers[0] as TunnelServer];
}

/** Payloads of a server's WebSocket frames of up to 64 KiB (RFC 6455 §5.2). */
function framesOf(bytes: Buffer): Buffer[] {
  if (bytes.length === 0) return [];
  const short = bytes.readUInt8(1) < 126;
  const start = short ? 2 : 4;
  const end = start + (short ? bytes.readUInt8(1) : bytes.readUInt16BE(2));
  return [bytes.subarray(start, end), ...framesOf(bytes.subarray(end))];
}

/** Waits for both ends of a tunnel to be closed, and tells why on record. */
async function endOf(client: TunnelClient, server: TunnelServer): Promise<string> {
  await until(() => client.closed && server.closed);
  const id = client.headers["audit-id"];
  const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "stream.closed"));
  return JSON.parse(row.payload).reason;
}

test("Teleport 51652: an exec ends when the credential that opened it expires", async () => {
  const expires = Date.now() + 6_000;
  const [client, server] = await tunnel(await idToken(6));
  expect(await endOf(client, server)).toBe("its credential expired");
  expect(Date.now()).toBeGreaterThanOrEqual(Math.floor(expires / 1000) * 1000);
});

test("Teleport 51652: an exec ends with its session", async () => {
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await idToken(300),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  };
  const token = String((await send(rig, "POST", "/session", { body })).json?.access_token);
  const [client, server] = await tunnel(token);
  server.socket.write(down(1, "printed"));
  await until(() => client.received().length > 0);
  expect((await send(rig, "DELETE", "/session", { token })).status).toBe(204);
  expect(await endOf(client, server)).toBe("the session was ended");
  // Its client reads why on the error channel, and that it is over.
  const [printed, said, close] = framesOf(client.received());
  expect(printed?.toString()).toBe("\u0001printed");
  expect(said?.[0]).toBe(3);
  expect(JSON.parse(said?.subarray(1).toString() ?? "")).toMatchObject({
    status: "Failure",
    message: "sallyport: the session was ended",
  });
  expect(close?.toString("hex")).toBe("03e8");
});

test("an exec ends when a policy swap changes its verdict, and goes on when it does not", async () => {
  const swap = async (rules: object): Promise<void> => {
    const kept = readFileSync(rig.guardrailsFile, "utf8").replace(/^rules:.*$/m, "");
    await swapGuardrails(rig, `${kept.trimEnd()}\nrules: ${JSON.stringify(rules)}\n`, await idToken(300));
  };
  const [client, server] = await tunnel(await idToken(300));
  await swap({ "access/port-forward": { effect: "deny" } });
  client.socket.write(up(0, "still there"));
  await until(() => server.received().equals(up(0, "still there")));
  await swap({ "access/exec": { effect: "hold" } });
  expect(await endOf(client, server)).toBe("the policy that opened it has changed");
});
