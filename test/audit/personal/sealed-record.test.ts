import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { EventDraft, EventRow, Recorder } from "../../../audit/event.ts";
import { revealing, revealRow, sealing } from "../../../audit/personal/personal.ts";
import { EventSeal, PERSONAL_FIELDS } from "../../../audit/personal/sealed-event.ts";
import { SubjectKeys } from "../../../audit/personal/subject-keys.ts";
import { getSession, listSessions } from "../../../audit/queries.ts";
import { sessionEvents } from "../../../audit/session-events.ts";
import { verifyChain } from "../../../audit/verify-chain.ts";
import { spoolBytes, standsIn } from "../../gateway/search-record.ts";
import { draft, folder, recorder, recorderOptions, spooledRows } from "../rig.ts";

const ALICE = "corp:alice@example.com";
const BOB = "corp:bob@example.com";
const CAROL = "corp:carol@example.com";
const ALL = { fields: new Set(PERSONAL_FIELDS), prefixes: ["corp:"], people: new Set([BOB]) };

const question = {
  request: { sourceIP: "10.1.2.3", userAgent: "kubectl/alice", uid: "0190" },
  session: { id: "s-1", owner: { issuer: "corp", username: ALICE }, reason: `${ALICE} asked me to` },
  user: { extra: { mail: ["alice.home@example.net"] }, groups: ["corp:devs"], uid: "alice-uid", username: ALICE },
};

describe("an event that is sealed names its persons nowhere:", () => {
  const ways: [title: string, event: Partial<EventDraft>, clear: string[]][] = [
    [
      "its columns",
      { groups: ["corp:devs"], source_ip: "10.1.2.3", user_agent: "kubectl/alice" },
      [ALICE, "corp:devs", "10.1.2.3", "kubectl/alice"],
    ],
    [
      "policy's question",
      { input: JSON.stringify(question) },
      [ALICE, "10.1.2.3", "kubectl/alice", "alice.home@example.net", "alice-uid", "corp:devs"],
    ],
    [
      "the session's owner",
      { kind: "session.opened", payload: { owner: { issuer: "corp", username: CAROL } } },
      [CAROL],
    ],
    ["who approved", { kind: "approval.approved", payload: { approvers: [CAROL, BOB] } }, [CAROL, BOB]],
    ["who killed", { kind: "session.killed", payload: { by: CAROL } }, [CAROL]],
    ["the caller in a message", { payload: { message: `User "${ALICE}" cannot` } }, [ALICE]],
    ["a person of the configuration in a message", { payload: { message: `denied by ${BOB}: no` } }, [BOB]],
  ];
  test.each(ways)("%s", (_title, event, clear) => {
    const keys = new SubjectKeys(folder());
    const plain = draft({ username: ALICE, ...event });
    const sealed = new EventSeal(keys, ALL).seal(structuredClone(plain));
    for (const value of clear) expect(JSON.stringify(sealed)).not.toContain(value);
    expect(revealRow(sealed, keys)).toEqual(plain);
  });

  test("and no field is sealed that the configuration does not name", () => {
    const plain = draft({ username: ALICE, source_ip: "10.1.2.3", input: JSON.stringify(question) });
    const keys = new SubjectKeys(folder());
    const sealed = new EventSeal(keys, { ...ALL, fields: new Set(["source_ip"]) }).seal(structuredClone(plain));
    expect(sealed).toMatchObject({ username: ALICE, groups: plain.groups });
    expect(sealed.source_ip).toBe(keys.seal(ALICE, "10.1.2.3"));
    expect(JSON.parse(sealed.input ?? "").request.sourceIP).toBe(sealed.source_ip);
    expect(JSON.parse(sealed.input ?? "").user).toEqual(question.user);
  });
});

test("an event is recorded without its persons, and refused where it must be on record, while their keys cannot be had", async () => {
  const path = folder();
  const keys = new SubjectKeys(path);
  rmSync(path, { recursive: true });
  const taken: EventDraft[] = [];
  const plain: Pick<Recorder, "record" | "recordDurably"> = {
    record: (event) => void taken.push(event),
    recordDurably: async (event) => void taken.push(event),
  };
  const record = sealing(plain as Recorder, keys, ALL);
  const event = () => draft({ username: ALICE, user_agent: "kubectl/alice", payload: { message: `${ALICE} may not` } });
  record.record(event());
  await expect(record.recordDurably(event())).rejects.toMatchObject({ code: "recorder-unavailable" });
  expect(taken).toMatchObject([{ kind: "request.outcome", verb: "get", username: "", user_agent: "" }]);
  expect(taken[0]?.payload?.unrecordable).toMatch(/could not be sealed: .*ENOENT/);
  expect(JSON.stringify(taken)).not.toContain("alice");
});

test("a record that is sealed answers by name, and goes on being proven once a person is forgotten", async () => {
  const path = folder();
  const keys = new SubjectKeys(join(path, "keys"));
  const plain = await recorder(recorderOptions(path));
  const record = sealing(revealing(plain, keys), keys, ALL);
  for (const [session_id, username] of [
    ["s-a", ALICE],
    ["s-a2", ALICE],
    ["s-b", BOB],
  ] as const) {
    record.record(
      draft({ kind: "session.opened", session_id, username, payload: { owner: { issuer: "corp", username } } }),
    );
    record.record(draft({ session_id, username, input: JSON.stringify(question) }));
  }
  await record.flush({ toStore: true });
  const files = spoolBytes(join(path, "spool"));
  expect([ALICE, BOB].map((name) => standsIn(name, files))).toEqual([false, false]);
  expect(standsIn("/api/v1/namespaces/a/pods/web", files)).toBe(true);
  expect(spooledRows(join(path, "spool")).every(({ username }) => username.startsWith("personal:"))).toBe(true);

  const of = async (user: string): Promise<string[]> =>
    (await listSessions(record, "default", { user })).map(({ session_id }) => session_id).sort();
  expect([await of(ALICE), await of(BOB)]).toEqual([["s-a", "s-a2"], ["s-b"]]);
  expect((await getSession(record, "default", "s-a"))?.username).toBe(ALICE);
  const rows = await record.query<{ n: string }>("SELECT uniqExact(username) AS n FROM events");
  expect(Number(rows[0]?.n)).toBe(2);

  const events = async (): Promise<EventRow[]> => {
    const rows: EventRow[] = [];
    for (const id of ["s-a", "s-b"]) for await (const row of sessionEvents(record, "default", id)) rows.push(row);
    return rows;
  };
  const before = await events();
  expect(verifyChain(before).ok).toBe(true);
  keys.forget(ALICE, Date.now());
  expect(await events()).toEqual(before);
  expect(verifyChain(await events()).ok).toBe(true);
  expect([await of(ALICE), await of(BOB)]).toEqual([[], ["s-b"]]);
  expect((await getSession(record, "default", "s-a"))?.username).toBe(before[0]?.username);
  expect(JSON.stringify(await record.query("SELECT * EXCEPT (prev_hash) FROM events"))).not.toContain(ALICE);

  // What was recorded before persons were sealed is theirs too.
  plain.record(draft({ kind: "session.opened", session_id: "s-old", username: CAROL, payload: {} }));
  record.record(draft({ kind: "session.opened", session_id: "s-new", username: CAROL, payload: {} }));
  await record.flush({ toStore: true });
  expect(await of(CAROL)).toEqual(["s-new", "s-old"]);
});
