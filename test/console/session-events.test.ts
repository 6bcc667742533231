import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventDraft, EventRow } from "../../audit/event.ts";
import { draft, until } from "../audit/rig.ts";
import { follow } from "./follow.ts";
import { type ConsoleRig, consoleRig } from "./rig.ts";

let rig: ConsoleRig;
let alice: string;
const draining = new AbortController();
beforeAll(async () => {
  const streamLimits = { lookMs: 20, checkMs: 50, each: 3 };
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
    const exchange = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      ...subject,
    };
    const { json } = await rig.call("POST", "/session", { body: exchange });
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

  test("is one of few: the fourth of one reader is refused, until one has gone", async () => {
    const session = newSession();
    await put(session, {});
    const token = await rig.token("carol@example.com", { groups: ["audit"] });
    const open = await Promise.all([1, 2, 3].map(() => follow(rig, session, { token })));
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
