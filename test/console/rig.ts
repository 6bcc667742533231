import { mkdtempSync, rmSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EmbeddedHome } from "../../approvals/git/home.ts";
import { openEmbeddedHome } from "../../approvals/git/home.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { uuid7 } from "../../base/uuid7.ts";
import { createConsole } from "../../console/console.ts";
import type { ConsoleDeps } from "../../console/deps.ts";
import { createAuthenticator } from "../../identity/authenticator.ts";
import { newMergeKey, people } from "../approvals/embedded.ts";
import { recorderOptions } from "../audit/rig.ts";
import { startStub } from "../cli/gateway-stub.ts";
import { gatewayConfig, issuerConfig, sessionKey, sign, signingKey, startKeyServer } from "../identity/rig.ts";
import { newStore } from "../new-store.ts";

export const HMAC_KEY = new Uint8Array(32).fill(7);

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects
  json: any;
}

/** The control API behind TLS, with a real authenticator, repository, recorder and ClickHouse. */
export interface ConsoleRig {
  url: string;
  caFile: string;
  folder: string;
  home: EmbeddedHome;
  recorder: Awaited<ReturnType<typeof openRecorder>>;
  token(email: string, options?: { groups?: string[]; admin?: boolean; claims?: object }): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

interface CallOptions {
  token?: string | undefined;
  headers?: Record<string, string>;
  body?: string | object;
}

export async function consoleRig(more: Partial<ConsoleDeps> = {}): Promise<ConsoleRig> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-console-"));
  const key = await signingKey();
  const keys = await startKeyServer([key.publicJwk]);
  let app: Awaited<ReturnType<typeof createConsole>> | undefined;
  const server = await startStub(folder, (req, res) => app?.routing(req, res));
  const config = gatewayConfig([issuerConfig({ issuer: keys.issuer, clientId: "sallyport-cli" })], {
    roles: {
      approver: ["user:corp:dora@example.com", "user:corp:agent-alice"],
      auditor: ["group:corp:audit"],
      breakGlass: ["user:corp:dora@example.com"],
    },
    listen: { address: "127.0.0.1:0", url: server.url, certFile: "", keyFile: "" },
  });
  const authenticator = createAuthenticator({
    config,
    sessionKeys: [await sessionKey()],
    hmacKeys: [HMAC_KEY],
    clock: systemClock,
    log: silentLog,
  });
  const home = await openEmbeddedHome({
    path: join(folder, "exceptions.git"),
    mergeKeyFile: newMergeKey(folder),
    people,
    log: silentLog,
    url: (name) => `${server.url}/approvals/${name}`,
  });
  await newStore(join(folder, "store"));
  const recorder = await openRecorder(recorderOptions(folder));
  const policy = { status: () => ({ revision: { bundle: "b1", guardrails: "g1" }, digest: "d", loadedAt: "t" }) };
  const deps: ConsoleDeps = {
    authenticator,
    approvals: home,
    recorder,
    reader: recorder,
    policy,
    sessions: {
      kill: ({ session, until }) => authenticator.endSession(session, until),
      retryKill: () => {},
      usersOf: () => [],
    },
    peers: { tell: () => {} },
    hmacKeys: [HMAC_KEY],
    clock: systemClock,
    config: { ...config, people, approvals: { breakGlass: { validForSeconds: 300, reviewWithinSeconds: 3600 } } },
    log: silentLog,
  };
  app = await createConsole({ ...deps, ...more });
  return {
    url: server.url,
    caFile: server.caFile,
    folder,
    home,
    recorder,
    token(email, { groups = [], admin = false, claims = {} } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const aud = admin ? "sallyport-admin" : "sallyport";
      const standard = { iss: keys.issuer, sub: email, aud, iat: now, exp: now + 600, auth_time: now, jti: uuid7() };
      return sign(key, { ...standard, email, groups, ...claims });
    },
    call: (method, path, options) => call(server.url + path, method, options),
    async close() {
      await app?.close();
      await server.close();
      await home.close();
      await recorder.close();
      await authenticator.close();
      await keys.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function call(url: string, method: string, { token, headers = {}, body }: CallOptions = {}): Promise<Answer> {
  const all: Record<string, string> = { ...headers };
  if (token !== undefined) all.authorization = `Bearer ${token}`;
  if (typeof body === "object") all["content-type"] ??= "application/json";
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { method, headers: all, rejectUnauthorized: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        const json =
          String(response.headers["content-type"]).includes("json") && text !== "" ? tryJson(text) : undefined;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    request.on("error", reject);
    request.end(typeof body === "object" ? JSON.stringify(body) : body);
  });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // NDJSON
  }
}
