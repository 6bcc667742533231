import { readFileSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect } from "node:tls";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { open, send, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { head } from "./raw.ts";
import { type Rig, startRig } from "./rig.ts";
import { swapGuardrails } from "./swap-guardrails.ts";

let rig: Rig;
let token: string;
/** The answers that the stub upstream has begun, and whether their client has gone. */
let answers: { res: ServerResponse; closed: boolean }[];
beforeAll(async () => {
  rig = await startRig({ guardrails: { profiles: ["baseline"] } });
  token = await rig.token("agent");
});
afterAll(() => rig.close());
beforeEach(() => {
  rig.upstream.seen.splice(0);
  answers = [];
  rig.upstream.answer = ({ url }, res) => {
    // Before a log is opened, the Secrets of its pod are looked up.
    if (url.endsWith("/pods/web")) return answerJson(res, 200, { kind: "Pod", metadata: { name: "web" }, spec: {} });
    const answer = { res, closed: false };
    answers.push(answer);
    res.on("close", () => {
      answer.closed = true;
    });
    res.writeHead(200, { "content-type": "application/json" });
    res.write(`${EVENT}\n`);
  };
});

const EVENT = '{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"}}}';
const PODS = "/connections/local/api/v1/namespaces/shop/pods";
const WATCH = `${PODS}?watch=true`;

/** Opens a stream, reads its first event, and tells how it ends. */
async function stream(path = WATCH, bearer = token): Promise<{ id: string; ended: Promise<"clean" | "cut"> }> {
  const { body, headers, statusCode } = await open(rig, "GET", path, { token: bearer, http: 1 });
  expect(statusCode).toBe(200);
  const first = Promise.withResolvers<void>();
  const ended = new Promise<"clean" | "cut">((resolve) => {
    body.on("data", () => first.resolve());
    body.on("end", () => resolve("clean"));
    body.on("error", () => resolve("cut"));
  });
  await first.promise;
  return { id: String(headers["audit-id"]), ended };
}

const cutOf = async (id: string): Promise<unknown> => {
  const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "request.outcome"));
  return JSON.parse(row.payload).cut;
};

/** A session of bob's. Ending it bars the ID token that it was made from, and those of the same second are the same. */
async function sessionToken(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await rig.token("bob"),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  };
  return String((await send(rig, "POST", "/session", { body })).json?.access_token);
}

/** Changes the guardrails and waits until they are in force. */
async function swap(rules: object): Promise<void> {
  const kept = readFileSync(rig.guardrailsFile, "utf8").replace(/^rules:.*$/m, "");
  await swapGuardrails(rig, `${kept.trimEnd()}\nrules: ${JSON.stringify(rules)}\n`);
}

describe("a stream", () => {
  test("flows with nothing held back: each event arrives before the next is sent", async () => {
    const { body } = await open(rig, "GET", WATCH, { token, http: 1 });
    let events = 0;
    for await (const chunk of body) {
      events += String(chunk).split("\n").length - 1;
      if (events < 5) answers[0]?.res.write(`${EVENT}\n`);
      else answers[0]?.res.end();
    }
    expect(events).toBe(5);
  });

  test("shows its head before its first event", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.flushHeaders();
    };
    const { statusCode, body } = await open(rig, "GET", WATCH, { token, http: 1 });
    expect(statusCode).toBe(200);
    body.on("error", () => {}).destroy();
  });

  test.each([
    ["a watch", WATCH],
    ["a followed log", `${PODS}/web/log?follow=true`],
    ["a log followed with follow=1", `${PODS}/web/log?follow=1`],
  ])("Teleport 51652: %s ends with its session, and not cleanly", async (_title, path) => {
    const bearer = await sessionToken();
    const { ended, id } = await stream(path, bearer);
    expect((await send(rig, "DELETE", "/session", { token: bearer, http: 1 })).status).toBe(204);
    expect(await ended).toBe("cut");
    await until(() => answers[0]?.closed);
    expect(await cutOf(id)).toBe("the session was ended");
  });

  test("ends when a policy swap changes its verdict, and stays when it does not", async () => {
    const { ended, id } = await stream();
    await swap({ "access/read-only": { effect: "record" } });
    expect(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 300, "open"))])).toBe("open");
    writeFileSync(
      rig.guardrailsFile,
      readFileSync(rig.guardrailsFile, "utf8").concat("defaults: {record: RequestResponse}\n"),
    );
    expect(await ended).toBe("cut");
    expect(await cutOf(id)).toBe("the policy that opened it has changed");
    await until(() => answers[0]?.closed);
  });

  test("is aborted upstream when its client goes away", async () => {
    const gone = new AbortController();
    const { body, headers } = await open(rig, "GET", WATCH, { token, signal: gone.signal, http: 1 });
    body.on("error", () => {});
    await until(() => answers.length === 1);
    gone.abort();
    await until(() => answers[0]?.closed);
    expect(await cutOf(String(headers["audit-id"]))).toBe("the client closed its connection");
  });

  test("does not run ahead of a client that does not read", async () => {
    let written = 0;
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      const part = `${EVENT.padEnd(65_535)}\n`;
      const more = (): void => {
        while (res.write(part)) written += part.length;
        written += part.length;
        res.once("drain", more);
      };
      more();
    };
    const socket = connect({
      host: "127.0.0.1",
      port: rig.gateway.port,
      ca: readFileSync(rig.caFile),
      servername: "localhost",
    });
    socket.on("error", () => {});
    socket.write(head(`GET ${WATCH}`, [`Authorization: Bearer ${token}`]));
    await until(() => written > 0);
    const settled = async (): Promise<number> => {
      for (let last = -1; last !== written; ) {
        last = written;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      return written;
    };
    expect(await settled()).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
  });
});

test("Teleport 51652: a stream ends when the credential that opened it expires", async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: "k", alg: "ES256", use: "sig" };
  const issuer = await startDevelopmentIssuer({ keys: [jwk] });
  const kept = rig;
  rig = await startRig({
    change: (config) => {
      config.issuers = [{ ...issuer.config, clockSkewSeconds: 0 }];
    },
  });
  try {
    const now = Math.floor(Date.now() / 1000);
    const claims = { email: "eve@example.com", email_verified: true, groups: [] };
    const short = await new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: "k" })
      .setIssuer(issuer.issuer)
      .setSubject("eve")
      .setAudience(issuer.clientId)
      .setIssuedAt(now)
      .setExpirationTime(now + 5)
      .sign(privateKey);
    rig.upstream.answer = kept.upstream.answer;
    const { ended, id } = await stream(WATCH, short);
    expect(await ended).toBe("cut");
    expect(Date.now()).toBeGreaterThanOrEqual((now + 5) * 1000);
    expect(await cutOf(id)).toBe("its credential expired");
  } finally {
    await rig.close();
    await issuer.close();
    rig = kept;
  }
});
