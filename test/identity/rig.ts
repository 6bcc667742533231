import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  SignJWT,
} from "jose";
import type { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import { type GatewayConfig, gatewaySchema, type IssuerConfig } from "../../base/config/gateway.ts";
import { Refusal, type RefusalCode } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { type Authenticator, type AuthenticatorOptions, createAuthenticator } from "../../identity/authenticator.ts";
import type { SessionKey } from "../../identity/keys-file.ts";

export const GATEWAY = "https://sallyport.test";

/** A clock that stands still until a test moves it. */
export function testClock(at = Date.now()): Clock & { advance(seconds: number): void } {
  let now = at;
  return {
    now: () => now,
    advance(seconds) {
      now += seconds * 1000;
    },
  };
}

export interface SigningKey {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
  privateJwk: JWK;
}

export async function signingKey(alg = "ES256", kid?: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const id = kid ?? (await calculateJwkThumbprint(publicJwk));
  return {
    kid: id,
    alg,
    privateKey,
    publicJwk: { ...publicJwk, kid: id, alg, use: "sig" },
    privateJwk: { ...(await exportJWK(privateKey)), kid: id, alg, use: "sig" },
  };
}

export async function sessionKey(): Promise<SessionKey> {
  const { kid, privateKey, publicJwk } = await signingKey();
  return { kid, privateKey, publicJwk, publicKey: (await importJWK(publicJwk, "ES256")) as CryptoKey };
}

export function sign(key: SigningKey, claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

/** A provider reduced to its two documents, which a test can change, count and take down. */
export interface KeyServer {
  issuer: string;
  keys: JWK[];
  discovery: Record<string, unknown>;
  requests: string[];
  answer: "ok" | "error" | "hang" | "huge" | "redirect";
  close(): Promise<void>;
}

export async function startKeyServer(keys: JWK[]): Promise<KeyServer> {
  const server = createServer((request, response) => {
    state.requests.push(request.url ?? "");
    if (state.answer === "hang") return;
    if (state.answer === "error") return void response.writeHead(500).end();
    if (state.answer === "redirect")
      return void response.writeHead(302, { location: `${state.issuer}/elsewhere` }).end();
    const document = request.url === "/keys" ? { keys: state.keys } : state.discovery;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(document) + (state.answer === "huge" ? " ".repeat(300_000) : ""));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const state: KeyServer = {
    issuer,
    keys,
    discovery: { issuer, jwks_uri: `${issuer}/keys` },
    requests: [],
    answer: "ok",
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return state;
}

export function issuerConfig(input: Partial<z.input<typeof gatewaySchema>["issuers"][number]>): IssuerConfig {
  const [config] = gatewaySchema.shape.issuers.parse([
    {
      name: "corp",
      issuer: "https://idp.test",
      audiences: ["sallyport"],
      adminAudience: "sallyport-admin",
      claims: { username: "email", groups: "groups", uid: "sub" },
      prefix: { username: "corp:", groups: "corp:" },
      ...input,
    },
  ]);
  if (config === undefined) throw new Error("no issuer");
  return config;
}

type Config = AuthenticatorOptions["config"];

export function gatewayConfig(issuers: IssuerConfig[], more: Partial<Config> = {}): Config {
  return {
    issuers,
    roles: { approver: [], auditor: [], breakGlass: [] },
    sessions: gatewaySchema.shape.sessions.parse({}) as GatewayConfig["sessions"],
    listen: { address: "127.0.0.1:8443", url: GATEWAY, certFile: "tls.crt", keyFile: "tls.key" },
    tenant: "default",
    ...more,
  };
}

export async function authenticator(
  issuers: IssuerConfig[],
  more: Partial<Omit<AuthenticatorOptions, "config">> & { config?: Partial<Config> } = {},
): Promise<Authenticator> {
  const { config, ...rest } = more;
  return createAuthenticator({
    sessionKeys: rest.sessionKeys ?? [await sessionKey()],
    hmacKeys: [new Uint8Array(32).fill(7)],
    clock: testClock(),
    log: silentLog,
    ...rest,
    config: gatewayConfig(issuers, config),
  });
}

/** The Refusal that something ends in; whatever else it ends in fails the test. */
export async function refusal(work: () => unknown): Promise<Refusal> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

export async function refusalCode(work: () => unknown): Promise<RefusalCode> {
  return (await refusal(work)).code;
}
