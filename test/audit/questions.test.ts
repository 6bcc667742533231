import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventDraft, Recorder } from "../../audit/event.ts";
import { namedQueries, namedQuery } from "../../audit/questions/named-queries.ts";
import type { Row } from "../../audit/questions/question.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { openStore } from "../../audit/store/open.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import { draft, recorderOptions } from "./rig.ts";

type Over = Partial<EventDraft>;
const ALICE = "corp:alice@example.com";
const BOB = "corp:bob@example.com";
const DORA = "corp:dora@example.com";
const day = (n: number, minute = 0): number => Date.UTC(2026, 10, n, 10, minute);
const id = (n: number): string => `00000000-0000-7000-a000-${String(n).padStart(12, "0")}`;
const SECRET: Over = { resource: "secrets", name: "db", path: "/api/v1/namespaces/shop/secrets/db", namespace: "shop" };
const POD: Over = { verb: "create", name: "p", namespace: "shop", rules: ["workload/host-path"] };
const hostPath = (over: object = {}): object[] => [
  { rule: "workload/host-path", effect: "hold", privileged: true, ...over },
];

/** A request that was answered, under approval where it names one. */
function answered(exchange: string, at_ms: number, over: Over, findings: object[] = []): Over[] {
  const payload = { forwarded: true, findings };
  const write = over.verb === "create";
  return [
    ...(write ? [{ kind: "request.intent" as const, exchange_id: exchange, at_ms, status: 0, ...over, payload }] : []),
    { exchange_id: exchange, at_ms: at_ms + 1, status: 200, ...over, payload: { ...payload, ...over.payload } },
  ];
}
function refused(exchange: string, at_ms: number, code: string, over: Over): Over {
  const payload = { code, message: `why ${code}`, forwarded: false, ...over.payload };
  return { kind: "request.refused", exchange_id: exchange, at_ms, status: 403, effect: "deny", ...over, payload };
}
function settled(kind: EventDraft["kind"], approval_id: string, at_ms: number, payload: object): Over {
  return {
    kind,
    approval_id,
    at_ms,
    exchange_id: "",
    payload: { url: `https://g/approvals/${approval_id}`, ...payload },
  };
}
/** An event of the model's side, some minutes into a day. */
function dialogue(kind: "prompt" | "reply" | "tool_use" | "tool_result", minute: number, over: Over): Over[] {
  const where = {
    session_id: "s-talk",
    exchange_id: "",
    connection: "claude",
    resource: "messages",
    namespace: "",
    name: "m1",
  };
  return [{ ...where, kind: `dialogue.${kind}`, at_ms: day(12, minute), status: 0, ...over }];
}
/** A request of that session to a cluster. */
function linked(exchange_id: string, minute: number, over: Over): Over {
  return { session_id: "s-talk", exchange_id, namespace: "talk", resource: "pods", at_ms: day(12, minute), ...over };
}
/** A hold of Alice's pod, and the exchange that waited for it. */
function held(approval_id: string, exchange: string, at_ms: number): Over {
  return { ...POD, kind: "hold.opened", approval_id, exchange_id: exchange, at_ms };
}

const STORY: Over[] = [
  { kind: "session.opened", exchange_id: "", at_ms: day(1), payload: { agent: "claude-code", reason: "a task" } },
  // Approved by Dora and used; both replicas tell of the approval.
  held("yes-1", id(1), day(1, 1)),
  settled("approval.approved", "yes-1", day(1, 2), { approvers: [DORA], reason: "for the migration", file: "f1" }),
  settled("approval.approved", "yes-1", day(1, 2), { approvers: [DORA], reason: "for the migration", file: "f1" }),
  { ...POD, kind: "approval.consumed", approval_id: "yes-1", exchange_id: id(1), at_ms: day(1, 3), payload: {} },
  ...answered(id(1), day(1, 4), { ...POD, approval_id: "yes-1" }, hostPath()),
  // Taken back by Dora while it was waited for; cancelled by the gateway; used up by another; and run out of time.
  held("back-1", id(2), day(2)),
  settled("approval.revoked", "back-1", day(2, 1), { approvers: [DORA], reason: "not any more" }),
  refused(id(2), day(2, 2), "approval-pending", { ...POD, approval_id: "back-1", payload: { findings: hostPath() } }),
  held("gone-1", id(3), day(2, 3)),
  settled("approval.cancelled", "gone-1", day(2, 4), { approvers: [], reason: "the session was killed" }),
  refused(id(3), day(2, 5), "approval-pending", { ...POD, approval_id: "gone-1", payload: { findings: hostPath() } }),
  refused(id(4), day(2, 6), "approval-pending", { ...POD, approval_id: "yes-1", payload: { findings: hostPath() } }),
  held("late-1", id(5), day(2, 7)),
  { ...POD, kind: "hold.timed_out", approval_id: "late-1", exchange_id: id(5), at_ms: day(2, 8) },
  refused(id(5), day(2, 9), "approval-changed", { ...POD, approval_id: "late-1", payload: { findings: hostPath() } }),
  settled("approval.cancelled", "late-1", day(2, 10), { approvers: [DORA], reason: "too late" }),
  // Two uses of break-glass, one reviewed.
  held("glass-1", id(6), day(3)),
  settled("break_glass.used", "glass-1", day(3, 1), { approvers: [DORA], reason: "outage" }),
  {
    ...POD,
    kind: "approval.consumed",
    approval_id: "glass-1",
    break_glass: true,
    exchange_id: id(6),
    at_ms: day(3, 1) + 1,
  },
  ...answered(id(6), day(3, 2), { ...POD, approval_id: "glass-1", break_glass: true }, hostPath()),
  settled("break_glass.reviewed", "glass-1", day(3, 3), {
    approvers: [ALICE],
    verdict: "confirmed",
    reason: "it was one",
  }),
  held("glass-2", id(7), day(3, 4)),
  settled("break_glass.used", "glass-2", day(3, 5), { approvers: [DORA], reason: "another" }),
  // A standing exception.
  ...answered(
    id(8),
    day(4),
    { ...POD, rules: ["workload/host-path"] },
    hostPath({ effect: "allow", exception: "logs" }),
  ),
  // A masked read, an unmasked one, and a value that stood elsewhere too.
  ...answered(id(9), day(5), {
    ...SECRET,
    rules: ["secrets/read"],
    masked_fields: ["data.password"],
    payload: { masked: { "data.password": "aaaa" } },
  }),
  ...answered(id(10), day(5, 1), {
    resource: "configmaps",
    name: "app",
    username: BOB,
    session_id: "s-bob",
    masked_fields: ["data.url"],
    payload: { masked: { "data.url": "aaaa" } },
  }),
  ...answered(id(11), day(5, 2), {
    ...SECRET,
    name: "open",
    username: BOB,
    session_id: "s-bob",
    rules: ["secrets/read"],
  }),
  // A rule was taken out: nobody names this one.
  ...answered(id(12), day(6), { ...SECRET, name: "bare", revision: "b2/g2" }),
  // Blocked twice by one rule.
  refused(id(13), day(7), "policy-denied", { verb: "create", resource: "pods", rules: ["images/tag"] }),
  refused(id(14), day(7, 1), "policy-denied", { verb: "create", resource: "pods", rules: ["images/tag"] }),
  refused(id(15), day(7, 2), "policy-denied", {
    verb: "create",
    username: BOB,
    rules: ["images/tag"],
    session_id: "s-bob",
  }),
  // Its end is not known.
  {
    ...POD,
    kind: "request.intent",
    exchange_id: id(16),
    at_ms: day(8),
    status: 0,
    payload: { forwarded: true, findings: hostPath() },
  },
  // The recorder left events out, while a session was under way, and after that had ended.
  {
    kind: "recorder.gap",
    session_id: "recorder",
    exchange_id: "",
    at_ms: day(9),
    payload: { state: "began", why: "full" },
  },
  { session_id: "s-gap", exchange_id: id(17), at_ms: day(9, 1) },
  {
    kind: "recorder.gap",
    session_id: "recorder",
    exchange_id: "",
    at_ms: day(9, 2),
    payload: { state: "ended", eventsLostAtMost: 3 },
  },
  { session_id: "s-whole", exchange_id: id(18), at_ms: day(9, 3) },
  {
    kind: "recorder.torn",
    session_id: "recorder",
    exchange_id: "",
    at_ms: day(9, 4),
    payload: { why: "a frame is cut off" },
  },
  { kind: "read", exchange_id: "", at_ms: day(10), username: DORA, payload: { what: "session" } },
  // A dialogue: two prompts, calls side by side, one that was blocked, and one that could not be read.
  ...dialogue("prompt", 0, { prompt_id: "p1", payload: { prompt: "clean up", model: "m1" } }),
  ...dialogue("tool_use", 1, {
    ...{ prompt_id: "p1", tool_use_id: "t1" },
    payload: {
      tool: "Bash",
      verdict: "release",
      unparsed: 0,
      expects: [{ verb: "delete", resource: "pods", namespace: "x", name: "a" }],
    },
  }),
  ...dialogue("tool_use", 2, {
    ...{ prompt_id: "p1", tool_use_id: "t2" },
    payload: {
      ...{ tool: "Edit", verdict: "release", unparsed: 0, files: [{ path: "/src/a.ts", change: "edit" }] },
      findings: [{ rule: "ours/edits", effect: "allow", exception: "edits" }],
    },
  }),
  ...dialogue("tool_use", 3, {
    ...{ prompt_id: "p1", tool_use_id: "t3" },
    payload: { tool: "Write", verdict: "replace", unparsed: 0, files: [{ path: "/src/b.ts", change: "write" }] },
  }),
  ...dialogue("reply", 4, {
    ...{ prompt_id: "p1", status: 200 },
    payload: { model: "m1-x", usage: { inputTokens: 10, outputTokens: 5, cacheReadTokens: 2 } },
  }),
  ...dialogue("prompt", 5, { prompt_id: "p1", payload: { continues: "results", model: "m1" } }),
  ...dialogue("tool_result", 5, { prompt_id: "p1", tool_use_id: "t2", payload: { tool: "Edit", isError: false } }),
  ...dialogue("prompt", 6, { prompt_id: "p2", payload: { prompt: "another", model: "m1" } }),
  ...dialogue("tool_use", 7, {
    prompt_id: "p2",
    tool_use_id: "t4",
    payload: { tool: "Bash", verdict: "release", unparsed: 2 },
  }),
  ...dialogue("reply", 8, { prompt_id: "p2", status: 529, payload: { asked: "m1-x", cut: "the client went away" } }),
  linked(id(60), 9, {
    verb: "delete",
    name: "a",
    prompt_id: "p1",
    tool_use_id: "t1",
    payload: { link: { strength: "exact" } },
  }),
  linked(id(61), 10, { verb: "delete", name: "b", payload: { link: { strength: "none", candidates: ["t1", "t4"] } } }),
  linked(id(62), 11, {
    verb: "get",
    name: "a",
    prompt_id: "p1",
    tool_use_id: "t1",
    payload: { link: { strength: "window" } },
  }),
  linked(id(63), 12, {
    verb: "patch",
    name: "a",
    prompt_id: "p1",
    tool_use_id: "t1",
    payload: { dryRun: true, link: { strength: "exact" } },
  }),
  linked(id(64), 13, {
    kind: "request.refused",
    verb: "delete",
    name: "c",
    status: 403,
    prompt_id: "p1",
    tool_use_id: "t1",
    payload: { link: { strength: "claimed", candidates: ["t1", "t4"] } },
  }),
];

/** Each question of the library, what it is asked with, and what of its rows matters here. */
const QUESTIONS: [string, string, Record<string, unknown>, object[]][] = [
  [
    "privileged-operations",
    "an approval that a person took back is a denial, by that person",
    { namespace: "shop", outcome: ["denied"] },
    [{ exchange_id: id(2), approvers: [DORA], reason: "not any more" }],
  ],
  [
    "privileged-operations",
    "one that the gateway ended, or that others used up, is blocked",
    { outcome: ["blocked"] },
    [{ exchange_id: id(3) }, { exchange_id: id(4) }],
  ],
  [
    "privileged-operations",
    "a hold that ran out has expired, whatever became of its approval later",
    { outcome: ["expired"] },
    [{ exchange_id: id(5) }],
  ],
  [
    "privileged-operations",
    "what nothing accounts for comes first",
    { limit: 3 },
    [{ outcome: "unguarded", name: "bare" }, { outcome: "unknown", exchange_id: id(16) }, { outcome: "approved" }],
  ],
  [
    "privileged-operations",
    "of one session, rule and person",
    { session: "s-1", rule: "secrets/read", user: ALICE },
    [{ exchange_id: id(9), outcome: "masked" }],
  ],
  [
    "privileged-operations",
    "of a period, by when an operation began",
    { since: "2026-11-04T00:00:00Z", until: "2026-11-04T23:00:00+01:00" },
    [{ exchange_id: id(8), outcome: "exempted" }],
  ],
  [
    "unguarded",
    "names the family, and the policy that was in force",
    {},
    [
      {
        family: "secrets",
        verb: "get",
        resource: "secrets",
        times: 1,
        usernames: [ALICE],
        namespaces: ["shop"],
        revisions: ["b2/g2"],
      },
    ],
  ],
  [
    "who-approved",
    "each decision once, with who, what, for whom and why",
    { approver: DORA, until: "2026-11-02T00:00:00Z" },
    [
      {
        decision: "approved",
        approval_id: "yes-1",
        requester: ALICE,
        requested: "create pods shop/p",
        held_by: ["workload/host-path"],
        why: "for the migration",
        seen: "f1",
        uses: 1,
        url: "https://g/approvals/yes-1",
      },
    ],
  ],
  [
    "who-approved",
    "a review is somebody's decision too",
    { approver: ALICE },
    [{ decision: "break_glass reviewed", verdict: "confirmed" }],
  ],
  ["approvals", "by what became of it", { state: "revoked" }, [{ approval_id: "back-1", ended_by: [DORA] }]],
  [
    "approvals",
    "by who approved",
    { approver: DORA, state: "consumed" },
    [{ approval_id: "yes-1" }, { approval_id: "glass-1" }],
  ],
  ["sessions", "of one person", { user: BOB }, [{ session_id: "s-bob" }]],
  [
    "session-activity",
    "requests as they ended, in their place among the rest",
    { session: "s-1", until: "2026-11-02T00:00:00Z" },
    [
      { kind: "session.opened", reason: "a task" },
      { kind: "hold.opened" },
      { kind: "approval.approved" },
      { kind: "approval.approved", approvers: [DORA] },
      { kind: "approval.consumed" },
      { kind: "request", outcome: "approved", status: 200 },
    ],
  ],
  [
    "sessions-with-gaps",
    "by what is not whole, the latest first",
    {},
    [
      { session_id: "recorder", what: "recorder.torn", why: "a frame is cut off" },
      { session_id: "s-gap", what: "recorder.gap", missing: 3, why: "events were left out" },
      { session_id: "s-1", what: "write without an end", missing: 1 },
    ],
  ],
  ["sessions-with-gaps", "of one session", { session: "s-gap" }, [{ what: "recorder.gap" }]],
  [
    "secret-reads",
    "unmasked reads first, then each value by its HMAC with every place that it stood in",
    {},
    [
      { masked: false, fingerprint: "", places: ["prod shop secrets bare get"] },
      { masked: false, places: ["prod shop secrets open get"], usernames: [BOB] },
      {
        masked: true,
        fingerprint: "aaaa",
        reads: 2,
        usernames: [ALICE, BOB],
        places: ["prod a configmaps app data.url", "prod shop secrets db data.password"],
      },
    ],
  ],
  ["secret-reads", "of one value", { fingerprint: "aaaa" }, [{ reads: 2 }]],
  ["masked-fields", "of one value and person", { fingerprint: "aaaa", user: BOB }, [{ field: "data.url" }]],
  ["equal-values", "by HMAC", {}, [{ fingerprint: "aaaa", times: 2 }]],
  [
    "blocked-attempts",
    "by rule and identity, the most frequent first",
    { rule: "images/tag" },
    [
      { rule: "images/tag", username: ALICE, attempts: 2, sessions: 1, examples: ["create pods a/web"] },
      { username: BOB, attempts: 1 },
    ],
  ],
  [
    "blocked-attempts",
    "only what people denied",
    { outcome: "denied" },
    [{ rule: "workload/host-path", username: ALICE, attempts: 1, denied: 1 }],
  ],
  [
    "break-glass",
    "what nobody has reviewed first",
    {},
    [
      { approval_id: "glass-2", used_by: [DORA], why: "another", verdict: "", reviewed_by: [] },
      {
        approval_id: "glass-1",
        used_by: [DORA],
        why: "outage",
        verdict: "confirmed",
        reviewed_by: [ALICE],
        review: "it was one",
        requested: "create pods shop/p",
        uses: 1,
      },
    ],
  ],
  ["break-glass", "only what nobody has reviewed", { reviewed: "no" }, [{ approval_id: "glass-2" }]],
  [
    "exceptions-used",
    "of each kind",
    {},
    [
      { exception: "edits", kind: "standing", rules: ["ours/edits"], uses: 1 },
      { exception: "glass-1", kind: "break-glass", uses: 1 },
      { exception: "logs", kind: "standing", rules: ["workload/host-path"], usernames: [ALICE], uses: 1 },
      { exception: "yes-1", kind: "one request", rules: ["workload/host-path"] },
    ],
  ],
  [
    "policy-findings",
    "that an exception lifted",
    { rule: "workload/host-path", since: "2026-11-04T00:00:00Z", until: "2026-11-05T00:00:00Z" },
    [{ effect: "allow", exception: "logs" }],
  ],
  [
    "prompt-of-request",
    "of deletes, the latest first; a row for each call that it may be where they were not told apart",
    { verb: "delete", namespace: "talk" },
    [
      { name: "c", link: "claimed", outcome: "refused", prompt_id: "p1", tool_use_id: "t1" },
      { name: "b", link: "one of several", prompt_id: "p1", tool_use_id: "t1", prompt: "clean up" },
      { name: "b", link: "one of several", prompt_id: "p2", tool_use_id: "t4", prompt: "another" },
      { name: "a", link: "exact", outcome: "done", prompt_id: "p1", prompt: "clean up", model: "m1", tool: "Bash" },
    ],
  ],
  ["prompt-of-request", "of one exchange", { exchange: id(62) }, [{ verb: "get", link: "window", prompt: "clean up" }]],
  [
    "prompt-of-request",
    "and none where there was no dialogue",
    { exchange: id(1) },
    [{ link: "", prompt_id: "", prompt: "", said_at: null }],
  ],
  [
    "changes-of-prompt",
    "writes and files in order, what may be its too, less what was only tried",
    { prompt: "p1" },
    [
      { what: "file", change: "edit", object: "/src/a.ts", outcome: "changed", tool_use_id: "t2" },
      { what: "file", change: "write", object: "/src/b.ts", outcome: "blocked" },
      { what: "request", change: "delete", of: "pods", object: "talk/a", outcome: "done", link: "exact" },
      { what: "request", object: "talk/b", link: "one of several" },
      { what: "request", object: "talk/c", outcome: "refused", link: "claimed" },
    ],
  ],
  ["changes-of-prompt", "of another", { prompt: "p2" }, [{ object: "talk/b", link: "one of several" }]],
  [
    "prompts-of-file",
    "by the end of its path",
    { file: "a.ts" },
    [{ path: "/src/a.ts", change: "edit", outcome: "changed", prompt_id: "p1", prompt: "clean up", tool: "Edit" }],
  ],
  ["prompts-of-file", "not by a part of a name", { file: ".ts" }, []],
  [
    "tool-calls",
    "what could not be read first, then the latest",
    {},
    [
      { tool_use_id: "t4", unparsed: 2, result: "" },
      { tool_use_id: "t3", verdict: "replace", files: ["/src/b.ts"] },
      { tool_use_id: "t2", result: "ok" },
      { tool_use_id: "t1", expects: ["delete pods x/a"] },
    ],
  ],
  ["tool-calls", "by verdict and tool", { verdict: "replace", tool: "Write" }, [{ tool_use_id: "t3" }]],
  [
    "tokens",
    "by identity, session and model",
    {},
    [
      {
        ...{ username: ALICE, session_id: "s-talk", model: "m1-x", replies: 2, not_whole: 1 },
        ...{ input_tokens: 10, output_tokens: 5, cache_read_tokens: 2, cache_write_tokens: 0 },
      },
    ],
  ],
  ["reads", "who read, and what", {}, [{ username: DORA, what: "session" }]],
  ["decisions", "none here has an id", {}, []],
  ["shadow-summary", "no candidate was asked", {}, []],
  ["shadow-differences", "no candidate was asked", {}, []],
];

/** What a question cannot do without. */
const NEEDED: Record<string, object> = {
  "session-activity": { session: "s-1" },
  "changes-of-prompt": { prompt: "p1" },
  "prompts-of-file": { file: "a.ts" },
};

describe("the named queries", () => {
  const path = mkdtempSync(join(tmpdir(), "sallyport-questions-"));
  let audit: Recorder & StoreReader;
  beforeAll(async () => {
    audit = await openRecorder(recorderOptions(path));
    for (const event of STORY) audit.record(draft(event));
    await audit.flush({ toStore: true });
  });
  afterAll(async () => {
    await audit.close();
    rmSync(path, { recursive: true, force: true });
  });
  const ask = async (name: string, parameters: object, tenant = "default"): Promise<Row[]> =>
    (await namedQuery(name)?.run(audit, tenant, parameters)) ?? [];

  it.each(QUESTIONS)("%s: %s", async (name, _, parameters, expected) => {
    expect(await ask(name, parameters)).toEqual(expected.map((row) => expect.objectContaining(row)));
  });

  it("sessions-with-gaps: an event that is missing shows, unless its chain was let go when its time was over", async () => {
    const at = "2026-11-12 10:00:00.000000";
    const row = (session_id: string, seq: number, over: object = {}): object => {
      return { tenant: "holes", session_id, writer: "w", seq, at, kind: "request.outcome", payload: "{}", ...over };
    };
    const chains = [{ session_id: "aged", writer: "w", events: 2, last_seq: 2, last_hash: "" }];
    const rows = [
      ...[row("cut", 1), row("cut", 4), row("aged", 3), row("whole", 1), row("whole", 2)],
      row("recorder", 1, { kind: "record.expired", payload: JSON.stringify({ chains }) }),
    ];
    const store = await openStore({ embedded: join(path, "holes") });
    try {
      await store.insert({ lines: rows.map((one) => Buffer.from(JSON.stringify(one))), token: "t" });
      expect(await namedQuery("sessions-with-gaps")?.run(store, "holes")).toEqual([
        expect.objectContaining({
          session_id: "cut",
          what: "missing events",
          missing: 2,
          why: "2 of 4 events are there",
        }),
      ]);
    } finally {
      await store.close();
    }
  });

  it("each is asked above", () => {
    expect([...new Set(QUESTIONS.map(([name]) => name))].sort()).toEqual(Object.keys(namedQueries).sort());
  });

  it.each(Object.keys(namedQueries))("%s answers another tenant with nothing", async (name) => {
    expect(await ask(name, NEEDED[name] ?? {}, "other")).toEqual([]);
  });

  it.each<[string, string, object, RegExp]>([
    ["a parameter that it does not take", "sessions", { usr: "x" }, /usr: unknown parameter; did you mean "user"/],
    ["a time that is none", "sessions", { since: "yesterday" }, /since: must be a time as 2026/],
    ["text where a list belongs", "privileged-operations", { outcome: "blocked" }, /outcome: /],
    ["an outcome that there is not", "privileged-operations", { outcome: ["lost"] }, /outcome\.0: /],
    ["a limit of none", "sessions", { limit: 0 }, /limit: /],
    ["a limit over all limits", "sessions", { limit: 1_000_000 }, /limit: /],
    ["no session", "session-activity", {}, /session: /],
    ["a name of the prototype", "sessions", JSON.parse('{"__proto__": 1}') as object, /unknown parameter/],
  ])("refuses %s, by its name", async (_, name, parameters, message) => {
    await expect(ask(name, parameters)).rejects.toThrow(message);
  });

  it("a parameter is a value, whatever it holds", async () => {
    expect(await ask("sessions", { user: "' OR 1=1 --" })).toEqual([]);
    expect(await ask("session-activity", { session: "s-1') UNION ALL SELECT * FROM events --" })).toEqual([]);
  });

  it("says that there are more rows than were asked for, and only then", async () => {
    const found = await namedQuery("blocked-attempts")?.ask(audit, "default", { rule: "images/tag", limit: 1 });
    expect(found).toMatchObject({ more: true, items: [{ username: ALICE }] });
    expect(await namedQuery("blocked-attempts")?.ask(audit, "default", { rule: "images/tag", limit: 2 })).toMatchObject(
      {
        more: false,
      },
    );
  });

  it("the family that an event is given is the first line of the catalogue that it is in", async () => {
    const [column] = await audit.query<{ expression: string }>(
      "SELECT default_expression AS expression FROM system.columns WHERE table = 'events' AND name = 'family'",
    );
    const own = (values: string, other: string): string =>
      `arrayJoin(arrayPushBack(arrayFilter(x -> x != '*', ${values}), '${other}'))`;
    const [found] = await audit.query<{ operations: number; inNone: number; differ: number }>(
      `WITH (SELECT groupArray((family, verbs, groups, resources, subresources, namespaces, names, paths)) FROM privileged_catalogue) AS catalogue
       SELECT count() AS operations, countIf(family = '') AS inNone, countIf(family != line) AS differ FROM (
         SELECT ${column?.expression} AS family,
           arrayFirst(c -> (has(c.2, '*') OR has(c.2, verb)) AND (has(c.3, '*') OR has(c.3, api_group)) AND (has(c.4, '*') OR has(c.4, resource))
             AND (has(c.5, '*') OR has(c.5, subresource)) AND (has(c.6, '*') OR has(c.6, namespace)) AND (has(c.7, '*') OR has(c.7, name))
             AND arrayExists(p -> p = '*' OR path LIKE replaceAll(p, '*', '%'), c.8) AND NOT (resource = '' AND has(c.8, '*')), catalogue).1 AS line
         FROM (SELECT DISTINCT ${own("verbs", "get")} AS verb, ${own("groups", "x.io")} AS api_group, ${own("resources", "widgets")} AS resource,
                 ${own("subresources", "scale")} AS subresource, ${own("namespaces", "a")} AS namespace, ${own("names", "n")} AS name,
                 replaceAll(${own("paths", "/x")}, '*', 'y') AS path FROM privileged_catalogue))`,
    );
    expect(found).toMatchObject({ differ: 0 });
    expect(found?.operations).toBeGreaterThan(1000);
    expect(found?.inNone).toBeGreaterThan(100);
  });
});
