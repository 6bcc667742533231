import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventDraft, Recorder } from "../../audit/event.ts";
import {
  decisionEvents,
  getSession,
  listSessions,
  type PrivilegedOutcome,
  privilegedOperations,
} from "../../audit/queries.ts";
import { namedQueries } from "../../audit/questions/named-queries.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import { draft, recorderOptions } from "./rig.ts";

type Over = Partial<EventDraft>;
const SECRET: Over = { resource: "secrets", name: "db", path: "/api/v1/namespaces/a/secrets/db" };
const BINDING: Over = {
  verb: "create",
  api_group: "rbac.authorization.k8s.io",
  resource: "clusterrolebindings",
  namespace: "",
  name: "x",
};
const POD: Over = { verb: "create", resource: "pods", name: "p", path: "/api/v1/namespaces/a/pods" };
const finding = (over: object) => ({
  findings: [{ rule: "workload/host-path", effect: "hold", privileged: true, ...over }],
});
const intent = (over: Over): Over => ({
  kind: "request.intent",
  status: 0,
  ...over,
  payload: { forwarded: true, ...over.payload },
});
const outcome = (over: Over): Over => ({
  kind: "request.outcome",
  status: 200,
  ...over,
  payload: { forwarded: true, ...over.payload },
});
const refused = (code: string, over: Over): Over => ({
  kind: "request.refused",
  status: 403,
  effect: "deny",
  ...over,
  payload: { code, message: `why ${code}`, forwarded: false, ...over.payload },
});

/** What the data path writes for one exchange, and what the view makes of it; undefined: not a privileged operation. */
const CASES: [string, Over[], PrivilegedOutcome | undefined][] = [
  ["a write that policy denies", [refused("policy-denied", { ...BINDING, rules: ["rbac/cluster-admin"] })], "blocked"],
  ["a caller that was not let in", [refused("unauthenticated", { ...BINDING, status: 401 })], "blocked"],
  ["a client's impersonation header", [refused("impersonation", { verb: "", resource: "" })], "blocked"],
  [
    "a hold that an approver denied",
    [refused("approval-denied", { ...POD, approval_id: "no-1", payload: finding({}) })],
    "denied",
  ],
  [
    "a hold that ran out",
    [refused("approval-pending", { ...POD, approval_id: "late-1", payload: finding({}) })],
    "expired",
  ],
  [
    "a held pod, approved",
    [
      intent({ ...POD, approval_id: "yes-1", payload: finding({}) }),
      outcome({ ...POD, status: 201, approval_id: "yes-1", payload: finding({}) }),
    ],
    "approved",
  ],
  [
    "a pod that a broken glass let through",
    [
      intent({ ...POD, approval_id: "glass-1", payload: finding({}) }),
      outcome({ ...POD, break_glass: true, approval_id: "glass-1", payload: finding({}) }),
    ],
    "break-glass",
  ],
  [
    "a pod that a standing exception lifts",
    [
      intent({ ...POD }),
      outcome({ ...POD, rules: ["workload/host-path"], payload: finding({ effect: "allow", exception: "team-x" }) }),
    ],
    "exempted",
  ],
  [
    "a masked read",
    [
      outcome({
        ...SECRET,
        rules: ["secrets/read"],
        masked_fields: ["data.password"],
        payload: { masked: { "data.password": "f00d" } },
      }),
    ],
    "masked",
  ],
  ["a read that a rule only records", [outcome({ ...SECRET, rules: ["secrets/read"] })], "observed"],
  ["a read that no rule named", [outcome(SECRET)], "unguarded"],
  [
    "an exec over WebSocket that no rule named",
    [outcome({ resource: "pods", subresource: "exec", verb: "get" })],
    "unguarded",
  ],
  [
    "the server's own debugging pages",
    [outcome({ resource: "", namespace: "", name: "", path: "/debug/pprof/heap" })],
    "unguarded",
  ],
  ["an intent with no outcome", [intent({ ...BINDING, rules: ["rbac/x"] })], "unknown"],
  [
    "an intent whose answer never came",
    [intent(BINDING), refused("upstream-timeout", { ...BINDING, status: 504, payload: { forwarded: true } })],
    "unknown",
  ],
  [
    "an intent that went nowhere",
    [intent(BINDING), refused("upstream-unreachable", { ...BINDING, status: 502, payload: { forwarded: false } })],
    "blocked",
  ],
  [
    "an intent that could not be put on disk",
    [intent(BINDING), refused("recorder-unavailable", { ...BINDING, status: 503, payload: { forwarded: undefined } })],
    "blocked",
  ],
  [
    "a write that was applied and whose answer could not be masked",
    [
      intent(SECRET),
      outcome({ ...SECRET, rules: ["secrets/write"] }),
      refused("unmaskable", { ...SECRET, payload: { forwarded: true } }),
    ],
    "observed",
  ],
  [
    "any write in a system namespace",
    [outcome({ verb: "update", api_group: "apps", resource: "deployments", namespace: "kube-system" })],
    "unguarded",
  ],
  ["an ordinary read", [outcome({ resource: "pods" })], undefined],
  ["an ordinary write", [intent({ ...POD }), outcome(POD)], undefined],
  ["a health check", [outcome({ resource: "", namespace: "", name: "", path: "/healthz" })], undefined],
  [
    "a deny of something that is not privileged",
    [
      refused("policy-denied", {
        ...POD,
        rules: ["images/tag"],
        payload: { findings: [{ rule: "images/tag", effect: "deny", privileged: false }] },
      }),
    ],
    undefined,
  ],
];
const APPROVALS: Over[] = [
  {
    kind: "hold.opened",
    approval_id: "yes-1",
    rules: ["workload/host-path"],
    payload: { url: "https://gateway/approvals/yes-1" },
  },
  {
    kind: "approval.approved",
    session_id: "admin",
    approval_id: "yes-1",
    payload: { approvers: ["corp:bob@example.com"], reason: "for the migration" },
  },
  { kind: "approval.consumed", approval_id: "yes-1" },
  { kind: "hold.opened", approval_id: "no-1" },
  {
    kind: "approval.denied",
    session_id: "admin",
    approval_id: "no-1",
    payload: { approvers: ["corp:bob@example.com"], reason: "not today" },
  },
  { kind: "hold.opened", approval_id: "late-1" },
  { kind: "hold.timed_out", approval_id: "late-1" },
  {
    kind: "break_glass.used",
    approval_id: "glass-1",
    payload: { approvers: ["corp:eve@example.com"], reason: "outage" },
  },
  { kind: "break_glass.reviewed", approval_id: "glass-1", payload: { verdict: "rejected", reason: "it was none" } },
  // In the chain of the session that it ended.
  { kind: "session.killed", username: "corp:zoe@example.com", payload: { by: "corp:zoe@example.com" } },
];

describe("the views", () => {
  const path = mkdtempSync(join(tmpdir(), "sallyport-views-"));
  let audit: Recorder & StoreReader;
  const exchanges = CASES.map((_, i) => `00000000-0000-7000-9000-${String(i).padStart(12, "0")}`);

  beforeAll(async () => {
    audit = await openRecorder(recorderOptions(path));
    audit.record(
      draft({ kind: "session.opened", payload: { agent: "claude-code", reason: "a task" }, exchange_id: "" }),
    );
    for (const [i, [, events]] of CASES.entries()) {
      for (const event of events) {
        audit.record(
          draft({ ...event, exchange_id: exchanges[i], payload: { decisionId: `decision-${i}`, ...event.payload } }),
        );
      }
    }
    audit.record(draft({ kind: "gather", ...SECRET, exchange_id: "gathered", payload: { parent: exchanges[0] } }));
    for (const event of APPROVALS) audit.record(draft({ ...event, exchange_id: "" }));
    await audit.flush({ toStore: true });
  });
  afterAll(async () => {
    await audit.close();
    rmSync(path, { recursive: true, force: true });
  });

  it.each(CASES.map(([title, , expected], i) => [title, expected, i] as const))(
    "privileged_operations has %s as %s",
    async (_, expected, i) => {
      const operations = await privilegedOperations(audit, "default");
      expect(
        operations.filter(({ exchange_id }) => exchange_id === exchanges[i]).map(({ outcome: found }) => found),
      ).toEqual(expected === undefined ? [] : [expected]);
    },
  );

  it("privileged_operations has the columns of the contract, in order", async () => {
    const [operation] = await privilegedOperations(audit, "default");
    expect(Object.keys(operation ?? {})).toEqual(
      "at, tenant, session_id, exchange_id, issuer, username, connection, verb, api_group, resource, subresource, namespace, name, rules, outcome, status, approval_id, approvers, pull_request, reason".split(
        ", ",
      ),
    );
  });

  it("privileged_operations names who approved, where and why", async () => {
    const operations = await privilegedOperations(audit, "default");
    expect(operations.find(({ approval_id }) => approval_id === "yes-1")).toMatchObject({
      approvers: ["corp:bob@example.com"],
      pull_request: "https://gateway/approvals/yes-1",
      reason: "for the migration",
      status: 201,
    });
  });

  it("privileged_operations leaves out what the gateway looked up itself", async () => {
    const operations = await privilegedOperations(audit, "default");
    expect(operations.some(({ exchange_id }) => exchange_id === "gathered")).toBe(false);
  });

  it("privileged_operations lists what nothing accounts for first", async () => {
    const outcomes = (await privilegedOperations(audit, "default")).map(
      ({ outcome: found }) => found === "unguarded" || found === "unknown",
    );
    expect(outcomes.lastIndexOf(true)).toBeLessThan(outcomes.indexOf(false));
  });

  it("shows nothing of another tenant", async () => {
    expect(await privilegedOperations(audit, "other")).toEqual([]);
    expect(await listSessions(audit, "other")).toEqual([]);
    expect(await getSession(audit, "other", "s-1")).toBeUndefined();
    expect(await decisionEvents(audit, "other", "decision-0")).toEqual([]);
  });

  it("lists sessions by user and period, with what happened in them", async () => {
    const all = await listSessions(audit, "default", { user: "corp:alice@example.com" });
    expect(all.map(({ session_id }) => session_id).sort()).toEqual(["admin", "s-1"]);
    expect(all.find(({ session_id }) => session_id === "s-1")).toMatchObject({
      agent: "claude-code",
      reason: "a task",
      held: 3,
      masked: 1,
      has_gaps: false,
      state: "killed",
      break_glass: 1,
    });
    expect(await listSessions(audit, "default", { user: "corp:mallory" })).toEqual([]);
    expect(await listSessions(audit, "default", { until: Date.UTC(2026, 0, 1) })).toEqual([]);
    expect(await listSessions(audit, "default", { limit: 1 })).toHaveLength(1);
  });

  it("finds all events of a decision", async () => {
    expect((await decisionEvents(audit, "default", "decision-5")).map(({ kind }) => kind)).toEqual([
      "request.intent",
      "request.outcome",
    ]);
    expect(await decisionEvents(audit, "default", "")).toEqual([]);
  });

  it("tells how each approval ended", async () => {
    const rows = (await namedQueries.approvals?.run(audit, "default", {})) as {
      approval_id: string;
      state: string;
      uses: number;
    }[];
    expect(Object.fromEntries(rows.map((row) => [row.approval_id, row.state]))).toMatchObject({
      "yes-1": "consumed",
      "no-1": "denied",
      "late-1": "pending",
      "glass-1": "approved",
    });
  });

  it("lists each masked field, and each finding", async () => {
    expect(await namedQueries["masked-fields"]?.run(audit, "default", {})).toEqual([
      expect.objectContaining({ field: "data.password", fingerprint: "f00d" }),
    ]);
    const findings = (await namedQueries["policy-findings"]?.run(audit, "default", {})) as object[];
    expect(findings).toContainEqual(expect.objectContaining({ rule: "workload/host-path", exception: "team-x" }));
  });

  it("tells which masked values are equal, wherever they stood, and shows none", async () => {
    const masked = (resource: string, name: string, fields: Record<string, string>): EventDraft =>
      draft(
        outcome({
          session_id: "equal",
          resource,
          name,
          masked_fields: Object.keys(fields),
          payload: { masked: fields },
        }),
      );
    audit.record(masked("secrets", "db", { "data.password": "aaaa", "data.user": "bbbb" }));
    audit.record(masked("configmaps", "app", { "data.url": "aaaa" }));
    audit.record(masked("configmaps", "other", { "data.url": "cccc" }));
    await audit.flush({ toStore: true });
    const rows = await namedQueries["equal-values"]?.run(audit, "default", {});
    expect(rows).toEqual([
      expect.objectContaining({
        fingerprint: "aaaa",
        times: 2,
        places: ["prod a configmaps app data.url", "prod a secrets db data.password"],
      }),
    ]);
  });

  it.each([
    ["writes", "INSERT INTO events (tenant) SELECT 'x'"],
    ["reads a file", "SELECT * FROM file('/etc/passwd', 'LineAsString')"],
    ["reads a URL", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"],
    ["drops a table", "DROP TABLE events"],
    [
      "runs for ever",
      "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1 SETTINGS max_execution_time = 0 --",
    ],
  ])("a reader's query is refused that %s", async (_, sql) => {
    await expect(audit.query(sql)).rejects.toThrow();
    expect((await audit.query<{ n: number }>("SELECT count() AS n FROM events"))[0]?.n).toBeGreaterThan(0);
  });

  it("refuses an answer over the limit of rows, and never cuts it", async () => {
    await expect(audit.query("SELECT * FROM events", {}, { maxRows: 3 })).rejects.toThrow(/Limit for result exceeded/);
  });

  it("answers each question with its own rows, also after one that failed halfway", async () => {
    const failing = audit.query("SELECT * FROM numbers(2000000)").then(
      () => "answered",
      () => "failed",
    );
    const next = [2, 3].map((n) => audit.query("SELECT {n:UInt8} AS n", { n }));
    expect([await failing, ...(await Promise.all(next))]).toEqual(["failed", [{ n: 2 }], [{ n: 3 }]]);
  });
});
