import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import type { EventRow } from "../../audit/event.ts";
import type { SessionSummary } from "../../audit/queries.ts";
import { forgetSubject } from "../../cli/audit/forget.ts";
import { openEvidence, type SessionFilter } from "../../cli/evidence/source.ts";
import { freePort } from "../../tools/free-port.ts";
import { kube, type Reply, send, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { recordOf, standsIn } from "./search-record.ts";

const AGENT = "dev:agent@example.com";
const BOB = "dev:bob@example.com";
const TOKEN = "of-whoever-reads-the-whole-record";
let rig: Rig;
let clickhouse: string;
let agent: string;
let bob: string;
beforeAll(async () => {
  const address = `127.0.0.1:${await freePort()}`;
  clickhouse = `http://${address}/`;
  rig = await startRig({
    prepare: (directory) => {
      mkdirSync(join(directory, "personal-keys"), { mode: 0o700 });
      writeFileSync(join(directory, "clickhouse.token"), TOKEN, { mode: 0o600 });
    },
    change: (config) => {
      const fields = ["username", "source_ip", "user_agent"];
      config.audit = {
        ...(config.audit as object),
        personal: { fields, keys: "personal-keys" },
        http: { address, tokenFile: "clickhouse.token" },
      };
    },
  });
  [agent, bob] = [await rig.token("agent"), await rig.token("bob")];
});
afterAll(() => rig.close());

const PODS = "/api/v1/namespaces/shop/pods";
const sessions = async (token: string): Promise<{ session_id: string; username: string }[]> => {
  const reply = await send(rig, "GET", "/v1alpha1/sessions", { token });
  return (reply.json as { items: { session_id: string; username: string }[] }).items;
};
const forget = (subject: string, yes = true): ReturnType<typeof forgetSubject> =>
  forgetSubject(subject, { config: rig.configFile, yes });

async function ask(token: string): Promise<Reply> {
  const reply = await kube(rig, "GET", PODS, { token, headers: { "user-agent": "a-browser-of-somebody" } });
  await until(() => spooled(rig).some((row) => row.exchange_id === reply.headers["audit-id"]));
  return reply;
}

describe("a gateway that seals personal fields", () => {
  test("puts no name, address or browser in clear on record, and shows each their own sessions by name", async () => {
    await ask(agent);
    await ask(bob);
    const record = recordOf(rig);
    expect([AGENT, BOB, "a-browser-of-somebody"].map((text) => standsIn(text, record))).toEqual([false, false, false]);
    expect(standsIn(PODS, record)).toBe(true);
    const rows = spooled(rig).filter(({ kind }) => kind === "request.outcome");
    expect(new Set(rows.map(({ source_ip }) => source_ip.slice(0, 9)))).toEqual(new Set(["personal:"]));
    // Bob's agent is listed with him in `people`, so that its sessions are his to read; his are not the agent's.
    const own = await until(async () => {
      const items = await sessions(bob);
      return new Set(items.map(({ username }) => username)).size === 2 && items;
    });
    expect(new Set(own.map(({ username }) => username))).toEqual(new Set([AGENT, BOB]));
    expect(new Set((await sessions(agent)).map(({ username }) => username))).toEqual(new Set([AGENT]));
    const session = own.find(({ username }) => username === BOB);
    expect((await send(rig, "GET", `/v1alpha1/sessions/${session?.session_id}`, { token: bob })).status).toBe(200);
    expect((await send(rig, "GET", `/v1alpha1/sessions/${session?.session_id}`, { token: agent })).status).toBe(404);
  });

  test("shows a session's events as they are stored, and with persons in clear and no hashes where that is asked for", async () => {
    const session = (await sessions(bob)).find(({ username }) => username === BOB);
    const rows = async (query: string): Promise<EventRow[]> => {
      const { text } = await send(rig, "GET", `/v1alpha1/sessions/${session?.session_id}/events${query}`, {
        token: bob,
      });
      return text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as EventRow);
    };
    const [stored] = await rows("");
    const [clear] = await rows("?clear=true");
    expect(stored?.username).toMatch(/^personal:/);
    expect(stored?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(clear).toMatchObject({ username: BOB, hash: "", prev_hash: "", seq: stored?.seq });
  });

  test("shows each their own decisions", async () => {
    const reply = await ask(bob);
    const row = spooled(rig).find((one) => one.exchange_id === reply.headers["audit-id"]);
    const { decisionId } = JSON.parse(row?.payload ?? "{}") as { decisionId: string };
    const decision = (token: string): Promise<Reply> =>
      send(rig, "GET", `/v1alpha1/decisions/${decisionId}`, { token });
    await until(async () => (await decision(bob)).status === 200);
    expect((await decision(agent)).status).toBe(404);
  });

  test("shows names in the answers to own SQL, and finds them by name", async () => {
    const auditor = await rig.token("alice");
    const sql = `SELECT DISTINCT username, session_id FROM events WHERE kind = 'request.outcome' AND username IN ('${BOB}', '${AGENT}') ORDER BY 1`;
    const reply = await send(rig, "POST", "/v1alpha1/queries/sql", { token: auditor, body: { parameters: { sql } } });
    const { items } = reply.json as { items: { username: string }[] };
    expect(new Set(items.map(({ username }) => username))).toEqual(new Set([AGENT, BOB]));
  });

  test("answers ClickHouse's HTTP interface with persons sealed, and has on record that it was asked", async () => {
    const query = "SELECT username FROM events WHERE kind = 'request.outcome' LIMIT 1";
    const asked = (password: string) =>
      fetch(`${clickhouse}?query=${encodeURIComponent(query)}`, {
        headers: { authorization: `Basic ${Buffer.from(`grafana:${password}`).toString("base64")}` },
      });
    expect((await asked("guessed")).status).toBe(403);
    const reply = await asked(TOKEN);
    expect([reply.status, await reply.text()]).toEqual([200, expect.stringMatching(/^personal:/)]);
    const read = spooled(rig).find(({ session_id }) => session_id === "clickhouse-http");
    expect(JSON.parse(read?.payload ?? "{}")).toMatchObject({ what: "sql", interface: "clickhouse-http" });
  });

  test("forgets a person when asked to, and nobody else", async () => {
    await until(async () => (await sessions(agent)).length > 0);
    await expect(forget(AGENT, false)).rejects.toMatchObject({ exitCode: 2, next: expect.stringContaining("--yes") });
    expect((await forget("dev:nobody@example.com")).exitCode).toBe(1);
    expect(await forget(AGENT)).toMatchObject({ exitCode: 0, json: { subject: AGENT, forgotten: true } });
    expect((await forget(AGENT)).exitCode).toBe(1);
    // Who comes back is somebody new.
    await until(async () => (await sessions(agent)).length === 0);
    expect((await sessions(bob)).length).toBeGreaterThan(0);
  });

  test("says what to set where the configuration seals nothing", async () => {
    const config = parse(readFileSync(rig.configFile, "utf8")) as { audit: Record<string, unknown> };
    delete config.audit.personal;
    const file = join(rig.directory, "plain.yaml");
    writeFileSync(file, stringify(config));
    await expect(forgetSubject(BOB, { config: file, yes: true })).rejects.toMatchObject({
      exitCode: 2,
      next: expect.stringContaining("audit.personal"),
    });
  });

  test("shows names on its own host, where the keys are, and no name of who is forgotten", async () => {
    await rig.gateway.close();
    const evidence = await openEvidence(rig.configFile);
    const sessions = async (filter: SessionFilter) => {
      const all: SessionSummary[] = [];
      for await (const one of evidence.sessions(filter)) all.push(one);
      return all;
    };
    try {
      const [session] = await sessions({ user: BOB, limit: 10 });
      expect(session?.username).toBe(BOB);
      const rows: EventRow[] = [];
      for await (const row of evidence.events(session?.session_id ?? "")) rows.push(row);
      expect(rows.find(({ kind }) => kind === "request.outcome")).toMatchObject({
        username: BOB,
        user_agent: "a-browser-of-somebody",
      });
      expect(await sessions({ user: AGENT, limit: 10 })).toEqual([]);
      const others = (await sessions({ limit: 100 })).map(({ username }) => username);
      expect(others.some((username) => username.startsWith("personal:"))).toBe(true);
      expect(others).not.toContain(AGENT);
    } finally {
      await evidence.close();
    }
  });
});
