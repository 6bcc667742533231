import { readFileSync, writeFileSync } from "node:fs";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Dispatcher } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import type { EventRow } from "../../audit/event.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { open, send, spooled, until } from "../gateway/client.ts";
import { payload, stream } from "./dialogue.ts";
import type { Asked } from "./provider.ts";
import type { ModelRig } from "./rig.ts";

const json = { "content-type": "application/json" };
const SEARCH = { type: "web_search_20250305", name: "web_search" };
const LIFE_SECONDS = 4;

let rig: ModelRig;
let issuer: DevelopmentIssuer;
let signer: CryptoKey;

/** An issuer whose credentials are as short as a test likes, to be known to the gateway of these tests. */
export async function briefIssuer(): Promise<object> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  signer = privateKey;
  issuer = await startDevelopmentIssuer({
    keys: [{ ...(await exportJWK(signer)), kid: "k", alg: "ES256", use: "sig" }],
  });
  const prefix = { username: "brief:", groups: "brief:" };
  return { ...issuer.config, name: "brief", prefix, clockSkewSeconds: 0, adminAudience: undefined };
}

const [BEGIN = "", REST = ""] = stream("Working on it.").split(/(?<=content_block_delta.*?\n\n)/s);

interface OpenReply {
  token: string;
  session: string;
  body: Dispatcher.ResponseData["body"];
  /** Of the provider's side. */
  asked: Asked;
  /** Lets the provider go on. */
  goOn: () => void;
  reply(): Promise<EventRow>;
}

/** A reply that has begun, and whose rest the provider keeps back. */
async function begin({ token, tools = [] }: { token?: string; tools?: object[] } = {}): Promise<OpenReply> {
  const own = token ?? (await tokenFor(600));
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.provider.scripts = [{ parts: [BEGIN, () => promise, REST] }];
  const before = rig.provider.asked.length;
  const { body, headers, statusCode } = await open(rig, "POST", "/connections/claude/v1/messages", {
    token: own,
    headers: { accept: "*/*" },
    body: {
      model: "denies web_search",
      max_tokens: 9,
      stream: true,
      tools,
      messages: [{ role: "user", content: "go" }],
    },
    http: 1,
  });
  expect(statusCode).toBe(200);
  const asked = rig.provider.asked[before];
  if (asked === undefined) throw new Error("the provider was not asked");
  const id = String(headers["request-id"]);
  const events = (): EventRow[] => spooled(rig).filter(({ exchange_id }) => exchange_id === id);
  const { session_id: session } = await until(() => events().find(({ kind }) => kind === "dialogue.prompt"));
  return {
    token: own,
    session,
    body,
    asked,
    goOn: resolve,
    reply: () => until(() => events().find(({ kind }) => kind === "dialogue.reply")),
  };
}

/** A credential that is good for so many seconds. Each is a session of its own, also of one second: to end one ends no other. */
function tokenFor(seconds: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ email: "eve@example.com", email_verified: true, groups: [] })
    .setProtectedHeader({ alg: "ES256", kid: "k" })
    .setIssuer(issuer.issuer)
    .setSubject("eve")
    .setJti(crypto.randomUUID())
    .setAudience(issuer.clientId)
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .sign(signer);
}

/** How a body ends: by itself, or cut. */
async function endOf(body: OpenReply["body"]): Promise<"clean" | "cut"> {
  return body.text().then(
    () => "clean",
    () => "cut",
  );
}

async function expectCut(reply: OpenReply, why: string): Promise<void> {
  expect(await endOf(reply.body)).toBe("cut");
  await until(() => reply.asked.left);
  expect(payload(await reply.reply())).toMatchObject({ cut: why, spent: { estimated: true } });
}

const ask = (token: string, name: "claude/v1/messages" | "gpt/v1/chat/completions" = "claude/v1/messages") =>
  send(rig, "POST", `/connections/${name}`, {
    token,
    body: { model: "claude-x", max_tokens: 9, messages: [{ role: "user", content: "go" }] },
  });

/** What ends a reply before its end. Its last test stops the gateway. */
export function describeEndings(opened: () => ModelRig): void {
  let alice: string;
  /** Opened first, since it takes its time to expire. */
  let brief: OpenReply;
  beforeAll(async () => {
    rig = opened();
    alice = await rig.token("alice", "admin");
    brief = await begin({ token: await tokenFor(LIFE_SECONDS) });
  });
  afterAll(() => issuer?.close());

  const kill = (session: string) =>
    send(rig, "POST", `/v1alpha1/sessions/${session}/kill`, { token: alice, body: { reason: "it runs wild" } });

  describe("a reply", () => {
    test("a session that is killed loses its open streams, of models and clusters, with a broken end, and all that comes", async () => {
      const reply = await begin();
      rig.upstream.answer = (_seen, res) => {
        res.writeHead(200, json);
        res.flushHeaders();
      };
      const { token } = reply;
      const watch = await open(rig, "GET", "/connections/local/api/v1/namespaces/a/pods?watch=true", {
        token,
        http: 1,
      });
      const watched = endOf(watch.body);
      expect((await kill(reply.session)).status).toBe(200);
      await expectCut(reply, "the session was killed");
      expect(await watched).toBe("cut");
      const before = rig.provider.asked.length;
      expect(await ask(reply.token)).toMatchObject({ status: 401, json: { error: { type: "authentication_error" } } });
      expect(await ask(reply.token, "gpt/v1/chat/completions")).toMatchObject({
        status: 401,
        json: { error: { type: "authentication_error", code: "invalid_api_key" } },
      });
      expect(rig.provider.asked.length).toBe(before);
    });

    test("the same holds for a reply that does not stream, and has not begun", async () => {
      const token = await tokenFor(600);
      rig.provider.scripts = [{ headers: json, parts: [() => new Promise<void>(() => {})] }];
      const cut = expect(ask(token)).rejects.toThrow();
      const asked = await until(() => rig.provider.asked[0]);
      const id = asked.headers["x-client-request-id"];
      const { session_id } = await until(() =>
        spooled(rig).find(({ kind, exchange_id }) => kind === "dialogue.prompt" && exchange_id === id),
      );
      await kill(session_id);
      await cut;
      await until(() => asked.left);
    });

    test("a stream ends at a swap to a policy that would refuse what was asked, and no other does", async () => {
      const [allowed, refused] = [await begin(), await begin({ tools: [SEARCH] })];
      const guardrails = parse(readFileSync(rig.guardrailsFile, "utf8")) as object;
      writeFileSync(rig.guardrailsFile, stringify({ ...guardrails, rules: { "ours/tools": { effect: "deny" } } }));
      await expectCut(refused, "the policy that opened it has changed");
      allowed.goOn();
      expect(await endOf(allowed.body)).toBe("clean");
    });

    test("a client that goes away cancels what the provider is doing", async () => {
      const reply = await begin();
      reply.body.on("error", () => {}).destroy();
      await until(() => reply.asked.left);
      expect(payload(await reply.reply())).toMatchObject({ cut: "the client closed its connection" });
    });

    test("a stream ends with the credential that opened it", async () => {
      await expectCut(brief, "its credential expired");
    });

    test("a stream ends with a broken end when the gateway is stopped", async () => {
      const reply = await begin();
      const closed = rig.gateway.close();
      await expectCut(reply, "the gateway is shutting down");
      await closed;
    });
  });
}
