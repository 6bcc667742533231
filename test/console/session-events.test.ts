import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { EventDraft, EventRow } from "../../audit/event.ts";
import { sha256 } from "../../base/digest.ts";
import { createClient } from "../../cli/client.ts";
import { followOverApi } from "../../cli/evidence/follow.ts";
import * as audit from "../audit/rig.ts";
import { follow } from "./follow.ts";
import { type ConsoleRig, consoleRig } from "./rig.ts";

// What a store and a recorder bring about takes its time where all the other tests want the machine too.
vi.setConfig({ testTimeout: 60_000 });
const { draft, until } = audit;

// More than a test leaves behind: the gateway hears of a reader that went a moment later.
const EACH = 12;
let rig: ConsoleRig;
let alice: string;
const draining = new AbortController();
beforeAll(async () => {
  const streamLimits = { lookMs: 20, checkMs: 50, each: EACH };
  rig = await consoleRig({ streamLimits, draining: draining.signal });
  alice = await rig.token("alice@example.com");
});
afterAll(() => rig?.close());

let last = 0;
/** A session id of a test's own. */
const newSession = (): string => `s-${++last}`;

async function put(session: string, ...drafts: Partial<EventDraft>[]): Promise<void> {
  for (const over of drafts) rig.recorder.record(draft({ session_id: session, at_ms: Date.now(), ...over }));
  await rig.recorder.flush({ toStore: true });
}

const EXCHANGE = {
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
};

const names = (events: readonly EventRow[]): string[] =>
  events.filter(({ kind }) => kind !== "read").map(({ name, kind }) => (kind === "request.outcome" ? name : kind));
const own = (events: readonly EventRow[]): EventRow[] => events.filter(({ kind }) => kind !== "read");

describe("GET /v1alpha1/sessions/{id}/events", () => {
  test("as NDJSON goes on after what a reader has, chain by chain", async () => {
    const session = newSession();
    await put(session, { name: "one" }, { name: "two" }, { name: "three" });
    const path = `/v1alpha1/sessions/${session}/events`;
    const rows = (text: string): EventRow[] =>
      own(
        text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      );
    const whole = rows((await rig.call("GET", path, { token: alice })).text);
    expect(names(whole)).toEqual(["one", "two", "three"]);
    const { writer } = whole[0] as EventRow;
    const rest = await rig.call("GET", `${path}?after=${writer}.2`, { token: alice });
    expect(names(rows(rest.text))).toEqual(["three"]);
  });

  test("as NDJSON of a session of several pages leaves nothing out", async () => {
    const session = newSession();
    const count = 300;
    await put(
      session,
      ...Array.from({ length: count }, (_, i) => ({ name: `n${i}`, payload: { filler: "x".repeat(500) } })),
    );
    const { text } = await rig.call("GET", `/v1alpha1/sessions/${session}/events`, { token: alice });
    const seqs = text
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as EventRow).seq);
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => i + 1));
    expect(seqs.length).toBeGreaterThanOrEqual(count);
  });

  test("refuses a cursor that nobody was given, followed or not", async () => {
    const session = newSession();
    await put(session, {});
    const path = `/v1alpha1/sessions/${session}/events?after=w.0`;
    expect((await rig.call("GET", path, { token: alice })).json).toMatchObject({ status: 400, code: "bad-request" });
    expect((await follow(rig, session, { token: alice, lastEventId: "w.1;" })).status).toBe(400);
  });

  test("each read of a session is on record in it, a follower's as such", async () => {
    const session = newSession();
    await put(session, {});
    await rig.call("GET", `/v1alpha1/sessions/${session}/events`, { token: alice });
    (await follow(rig, session, { token: alice })).close();
    await rig.recorder.flush({ toStore: true });
    const reads = await rig.recorder.query<{ payload: string }>(
      "SELECT payload FROM events WHERE session_id = {session:String} AND kind = 'read' ORDER BY seq",
      { session },
    );
    expect(reads.map(({ payload }) => JSON.parse(payload))).toMatchObject([
      { what: "session events" },
      { what: "session events", follow: true },
    ]);
  });

  test("what is not yours, and what is not there, are one 404 of the same bytes, followed or not", async () => {
    const session = newSession();
    await put(session, { username: "corp:bob@example.com" });
    const answers: string[] = [];
    for (const id of [session, "s-none", "..%2f", "x".repeat(127), "x".repeat(400), "%F0%9F%9A%AA"]) {
      for (const accept of ["application/x-ndjson", "text/event-stream"]) {
        const path = `/v1alpha1/sessions/${id}/events`;
        const { status, text } = await rig.call("GET", path, { token: alice, headers: { accept } });
        answers.push(`${status} ${text}`);
      }
    }
    expect([...new Set(answers)].join("\n").split("\n")).toEqual([answers[0]]);
    expect(answers[0]).toMatch(/^404 /);
  });
});

describe("GET /v1alpha1/sessions/{id}/bodies/{sha256}", () => {
  const content = Buffer.from("kind: Pod\n\u0000\u001b[2J");
  const path = (session: string, hash = sha256(content)): string => `/v1alpha1/sessions/${session}/bodies/${hash}`;

  test("hands out what an event of that session held, as a file, and puts the read on record", async () => {
    const session = newSession();
    await put(session, { request_content: content });
    const answer = await rig.call("GET", path(session), { token: alice });
    expect(answer).toMatchObject({ status: 200, text: content.toString() });
    expect(answer.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": "attachment",
      "content-length": String(content.length),
    });
    await rig.recorder.flush({ toStore: true });
    const reads = await rig.recorder.query<{ payload: string }>(
      "SELECT payload FROM events WHERE session_id = {session:String} AND kind = 'read'",
      { session },
    );
    expect(reads.map(({ payload }) => JSON.parse(payload))).toMatchObject([
      { what: "content", sha256: sha256(content) },
    ]);
  });

  test("to know a hash is not to own what it is of: by another session it is the 404 of what is not there", async () => {
    const [own, other] = [newSession(), newSession()];
    await put(own, { name: sha256(content), payload: { message: sha256(content), facts: 3 } });
    await put(other, { username: "corp:bob@example.com", request_content: content });
    const answers: string[] = [];
    for (const asked of [
      path(own),
      path(other),
      path(own, "0".repeat(64)),
      path(own, "..%2f"),
      path(own, "x".repeat(300)),
    ]) {
      const { status, text } = await rig.call("GET", asked, { token: alice });
      answers.push(`${status} ${text}`);
    }
    expect([...new Set(answers)]).toEqual([expect.stringMatching(/^404 /)]);
  });
});

describe("a follower of a session", () => {
  test("gets what is on record, then what comes, and is told when the session is over", async () => {
    const session = newSession();
    await put(session, { kind: "session.opened" }, { name: "before" });
    const reader = await follow(rig, session, { token: alice });
    expect(reader.headers["content-type"]).toBe("text/event-stream");
    await until(() => names(reader.events()).length === 2);
    await put(session, { name: "live" });
    await until(() => names(reader.events()).length === 3);
    await put(session, { kind: "session.closed", at_ms: Date.now() - 3000 });
    expect(await reader.over).toBe(true);
    expect(names(reader.events())).toEqual(["session.opened", "before", "live", "session.closed"]);
    expect(reader.ended()).toMatchObject({ code: "session-ended" });
  });

  test("that comes back with the last id it has misses nothing and gets nothing twice, on whichever event it broke off", async () => {
    const session = newSession();
    await put(session, ...Array.from({ length: 6 }, (_, i) => ({ name: `n${i}` })));
    const whole = await follow(rig, session, { token: alice });
    await until(() => own(whole.events()).length === 6);
    const ids = whole.messages.filter(({ event }) => event === undefined).map(({ id = "" }) => id);
    whole.close();
    for (const [i, lastEventId] of ids.entries()) {
      if (i % 2 === 1) continue;
      const again = await follow(rig, session, { token: alice, lastEventId });
      await until(() => names(again.events()).at(-1) === "n5" || i >= 5);
      expect(names(again.events())).toEqual(names(whole.events().slice(i + 1)));
      again.close();
      await again.over;
    }
  });

  test("that comes back when all was told is told to come no more (HTML, server-sent events: 204)", async () => {
    const session = newSession();
    const at_ms = Date.now() - 60_000;
    await put(session, { kind: "session.opened", at_ms }, { kind: "session.closed", at_ms });
    const reader = await follow(rig, session, { token: alice });
    await reader.over;
    const again = await follow(rig, session, { token: alice, lastEventId: reader.lastId() });
    expect(again.status).toBe(204);
  });

  test("is ended with its token's session", async () => {
    const session = newSession();
    await put(session, {});
    const subject = { subject_token: await rig.token("alice@example.com", { claims: { jti: "followed" } }) };
    const { json } = await rig.call("POST", "/session", { body: { ...EXCHANGE, ...subject } });
    const reader = await follow(rig, session, { token: json.access_token });
    await reader.waitFor(1);
    await rig.call("DELETE", "/session", { token: json.access_token });
    await reader.over;
    expect(reader.ended()).toMatchObject({ code: "token-ended" });
  });

  test("is ended when its token expires", async () => {
    const session = newSession();
    await put(session, {});
    // Clocks differ by 30 s at most: it is good for two seconds more.
    const exp = Math.floor(Date.now() / 1000) - 28;
    const reader = await follow(rig, session, { token: await rig.token("alice@example.com", { claims: { exp } }) });
    await reader.over;
    expect(reader.ended()).toMatchObject({ code: "token-ended" });
  });

  test("is one of few: one reader's thirteenth is refused, until one has gone", async () => {
    const session = newSession();
    await put(session, {});
    const token = await rig.token("carol@example.com", { groups: ["audit"] });
    const open = await Promise.all(Array.from({ length: EACH }, () => follow(rig, session, { token })));
    const refused = await follow(rig, session, { token });
    expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "10"]);
    expect((await follow(rig, session, { token: alice })).status).toBe(200);
    for (const one of open) one.close();
    await until(async () => {
      const again = await follow(rig, session, { token });
      again.close();
      return again.status === 200;
    });
  });

  test("at the terminal goes on where it was when its token is renewed, and ends with the session", async () => {
    const session = newSession();
    await put(session, { kind: "session.opened" }, { name: "before" });
    const newToken = async (): Promise<string> => {
      const subject_token = await rig.token("alice@example.com");
      const { json } = await rig.call("POST", "/session", { body: { ...EXCHANGE, subject_token } });
      return json.access_token;
    };
    let token = await newToken();
    const client = createClient({ url: rig.url, caFile: rig.caFile }, async () => token);
    const seen: EventRow[] = [];
    const following = (async () => {
      for await (const event of followOverApi(client, `/v1alpha1/sessions/${session}/events`, 20)) seen.push(event);
    })();
    following.catch(() => {}); // it is awaited below, unless the test has failed by then
    await until(() => names(seen).length === 2);
    const old = token;
    token = await newToken();
    await rig.call("DELETE", "/session", { token: old });
    await put(session, { name: "after" });
    await until(() => names(seen).length === 3);
    await put(session, { kind: "session.closed", at_ms: Date.now() - 3000 });
    await following;
    await client.close();
    expect(names(seen)).toEqual(["session.opened", "before", "after", "session.closed"]);
  });

  test("at the terminal is told no at once", async () => {
    const client = createClient({ url: rig.url, caFile: rig.caFile }, async () => alice);
    const following = followOverApi(client, "/v1alpha1/sessions/s-none/events", 20);
    await expect(following.next()).rejects.toMatchObject({ status: 404, exitCode: 1 });
    await client.close();
  });

  test("is told to connect again when the gateway drains", async () => {
    const session = newSession();
    await put(session, {});
    const reader = await follow(rig, session, { token: alice });
    await reader.waitFor(1);
    draining.abort();
    await reader.over;
    expect(reader.ended()).toMatchObject({ code: "gateway-closing" });
  });
});
