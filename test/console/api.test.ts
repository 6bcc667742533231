import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { uuid7 } from "../../base/uuid7.ts";
import { draft } from "../audit/rig.ts";
import { type ConsoleRig, consoleRig } from "./rig.ts";

let rig: ConsoleRig;
beforeAll(async () => {
  rig = await consoleRig();
});
afterAll(() => rig?.close());

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const exchange = (subject: string, type = "id_token") => ({
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token: subject,
  subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
});

test("POST /session gives a session token for an ID token, as a form and as JSON", async () => {
  const subject = exchange(await rig.token("alice@example.com"));
  for (const request of [{ headers: FORM, body: String(new URLSearchParams(subject)) }, { body: subject }]) {
    const answer = await rig.call("POST", "/session", request);
    expect(answer).toMatchObject({ status: 200, json: { token_type: "Bearer", session_id: expect.any(String) } });
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(await rig.call("GET", "/v1alpha1/policy", { token: answer.json.access_token })).toMatchObject({
      status: 200,
    });
  }
});

test("DELETE /session ends it: its token is refused from then on", async () => {
  const { json } = await rig.call("POST", "/session", { body: exchange(await rig.token("alice@example.com")) });
  expect((await rig.call("DELETE", "/session", { token: json.access_token })).status).toBe(204);
  const after = await rig.call("GET", "/v1alpha1/policy", { token: json.access_token });
  expect(after.json).toMatchObject({ status: 401, code: "session-ended" });
  expect(after.headers["www-authenticate"]).toMatch(/^Bearer/);
});

const BAD: [string, string, string, { headers?: Record<string, string>; body?: string | object }, number, string][] = [
  ["a path that is not there", "GET", "/nothing", {}, 404, "not-found"],
  ["a method that is not there", "PUT", "/session", {}, 404, "not-found"],
  ["no token", "GET", "/v1alpha1/policy", {}, 401, "unauthenticated"],
  [
    "a token of no sense",
    "GET",
    "/v1alpha1/policy",
    { headers: { authorization: "Bearer x.y.z" } },
    401,
    "unauthenticated",
  ],
  ["Basic", "GET", "/v1alpha1/sessions", { headers: { authorization: "Basic YTpi" } }, 401, "unauthenticated"],
  [
    "broken JSON",
    "POST",
    "/session",
    { headers: { "content-type": "application/json" }, body: "{" },
    400,
    "malformed-body",
  ],
  [
    "a JSON body with __proto__",
    "POST",
    "/session",
    { headers: { "content-type": "application/json" }, body: '{"__proto__":{}}' },
    400,
    "malformed-body",
  ],
  [
    "another content type",
    "POST",
    "/session",
    { headers: { "content-type": "text/xml" }, body: "<a/>" },
    415,
    "unsupported-media-type",
  ],
  [
    "a body over the cap",
    "POST",
    "/session",
    { headers: FORM, body: `a=${"x".repeat(300_000)}` },
    413,
    "body-too-large",
  ],
  ["an exchange without a token", "POST", "/session", { headers: FORM, body: "grant_type=x" }, 400, "bad-request"],
  ["an unknown key of a query", "GET", "/v1alpha1/approvals?stat=pending", {}, 400, "bad-request"],
  ["a limit that is none", "GET", "/v1alpha1/approvals?limit=0", {}, 400, "bad-request"],
  ["a malformed percent escape", "GET", "/approvals/%zz", {}, 400, "malformed-body"],
];

test.each(BAD)("%s is a problem document with its code", async (_, method, path, options, status, code) => {
  const answer = await rig.call(method, path, options);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.json).toMatchObject({
    type: "about:blank",
    status,
    code,
    title: expect.any(String),
    detail: expect.any(String),
  });
  expect(answer.status).toBe(status);
});

test("an unknown key names the nearest valid one", async () => {
  const answer = await rig.call("GET", "/v1alpha1/approvals?stat=pending");
  expect(answer.json.errors).toEqual(['stat: unknown key; did you mean "state"?']);
});

test("what anybody may know is served without a token: keys, issuers, the API's description", async () => {
  expect((await rig.call("GET", "/.well-known/jwks.json")).json.keys[0]).toMatchObject({ kty: "EC" });
  expect((await rig.call("GET", "/.well-known/jwks.json")).text).not.toContain('"d"');
  expect((await rig.call("GET", "/.well-known/sallyport")).json.issuers[0]).toMatchObject({ name: "corp" });
  const { json } = await rig.call("GET", "/openapi.json");
  expect(Object.keys(json.paths)).toEqual(
    expect.arrayContaining(["/session", "/v1alpha1/approvals/{name}/approve", "/v1alpha1/sessions/{id}/events"]),
  );
});

test("every evidence route says in the API's description what it takes and answers, and answers that", async () => {
  const { json } = await rig.call("GET", "/openapi.json");
  const paths = json.paths as Record<string, Record<string, Operation>>;
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ what: `${method} ${path}`, path, operation })),
  );
  const evidence = all.filter(({ operation }) => operation.tags?.includes("evidence"));
  for (const path of [
    "sessions",
    "sessions/{id}",
    "sessions/{id}/events",
    "sessions/{id}/bodies/{sha256}",
    "decisions/{id}",
  ]) {
    expect(evidence.map(({ what }) => what)).toContain(`get /v1alpha1/${path}`);
  }
  for (const { what, path, operation } of evidence) {
    if (what.startsWith("head ")) continue;
    expect(operation.summary, what).toEqual(expect.any(String));
    expect(operation.security, what).toEqual([{ bearer: [] }]);
    const { responses = {} } = operation;
    expect(Object.keys(responses), what).toEqual(expect.arrayContaining(["200", "401", "503"]));
    expect(Object.keys(responses).includes("404"), what).toBe(path.includes("{"));
    for (const [status, { content, description }] of Object.entries(responses)) {
      expect(description, `${what} ${status}`).toEqual(expect.any(String));
      if (status !== "204") expect(Object.keys(content ?? {}).length, `${what} ${status}`).toBeGreaterThan(0);
    }
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = operation.parameters?.filter(({ in: place }) => place === "path").map(({ name }) => name) ?? [];
    expect(described, what).toEqual(named);
  }
  const decision = await evidenceOf();
  const token = await rig.token("alice@example.com");
  for (const [path, at] of [
    ["/v1alpha1/sessions", "/v1alpha1/sessions"],
    ["/v1alpha1/sessions/{id}", "/v1alpha1/sessions/s-alice"],
    ["/v1alpha1/sessions/{id}/events", "/v1alpha1/sessions/s-alice/events"],
    ["/v1alpha1/decisions/{id}", `/v1alpha1/decisions/${decision}`],
    ["/v1alpha1/sessions/{id}", "/v1alpha1/sessions/s-none"],
  ] as const) {
    const { status, headers, text } = await rig.call("GET", at, { token });
    const type = String(headers["content-type"]).split(";")[0] ?? "";
    const schema = paths[path]?.get?.responses?.[status]?.content?.[type]?.schema;
    expect(schema, at).toBeDefined();
    const valid = new Ajv2020({ strict: false, allErrors: true }).compile(schema as object);
    const texts = type === "application/x-ndjson" ? text.trimEnd().split("\n") : [text];
    for (const one of texts) {
      valid(JSON.parse(one));
      expect(valid.errors, at).toBeNull();
    }
  }
});

interface Operation {
  tags?: string[];
  summary?: string;
  security?: object[];
  parameters?: { in: string; name: string }[];
  responses?: Record<string, { description?: string; content?: Record<string, { schema: object }> }>;
}

/** Two people's sessions on record; resolves to Alice's decision id. */
async function evidenceOf(): Promise<string> {
  const decisionId = uuid7();
  await rig.recorder.recordDurably(draft({ session_id: "s-alice", payload: { decisionId } }));
  await rig.recorder.recordDurably(draft({ session_id: "s-bob", username: "corp:bob@example.com" }));
  await rig.recorder.flush({ toStore: true });
  return decisionId;
}

test("Teleport PR 66300: one reads one's own sessions, events and decisions; others' are the 404 of what is not there", async () => {
  const decision = await evidenceOf();
  const alice = await rig.token("alice@example.com");
  const bob = await rig.token("bob@example.com");
  const ids = async (token: string) =>
    (await rig.call("GET", "/v1alpha1/sessions", { token })).json.items.map(
      (s: { session_id: string }) => s.session_id,
    );
  expect(await ids(alice)).toContain("s-alice");
  expect(await ids(alice)).not.toContain("s-bob");
  for (const path of [
    "/v1alpha1/sessions/s-alice",
    "/v1alpha1/sessions/s-alice/events",
    `/v1alpha1/decisions/${decision}`,
  ]) {
    expect((await rig.call("GET", path, { token: alice })).status).toBe(200);
    const other = await rig.call("GET", path, { token: bob });
    const none = await rig.call("GET", path.replace("s-alice", "s-none").replace(decision, uuid7()), { token: bob });
    expect([other.status, other.text]).toEqual([404, none.text]);
  }
  const events = await rig.call("GET", "/v1alpha1/sessions/s-alice/events", { token: alice });
  expect(events.headers["content-type"]).toBe("application/x-ndjson");
  expect(JSON.parse(events.text.split("\n")[0] ?? "")).toMatchObject({ session_id: "s-alice", seq: 1 });
  expect((await rig.call("GET", `/v1alpha1/decisions/${decision}`, { token: alice })).json.items).toHaveLength(1);
});

test("a session of an agent is read by the agent and by its owner, who does not become its user when it is closed", async () => {
  const owner = { issuer: "corp", username: "corp:zoe@example.com" };
  const as = { issuer: "corp", username: "corp:agent-zoe", at_ms: Date.now() };
  rig.recorder.record(draft({ ...as, session_id: "s-zoe", kind: "session.opened", payload: { owner } }));
  rig.recorder.record(draft({ ...as, ...owner, session_id: "s-zoe", kind: "session.closed" }));
  // An agent that logged in by itself, and is listed as alice's.
  rig.recorder.record(draft({ ...as, session_id: "s-listed", username: "corp:agent-alice" }));
  await rig.recorder.flush({ toStore: true });
  const reads = async (login: string) => {
    const token = await rig.token(login);
    const { json } = await rig.call("GET", "/v1alpha1/sessions?limit=1000", { token });
    const ids = json.items.map((session: { session_id: string }) => session.session_id);
    const seen: string[] = [];
    for (const id of ["s-zoe", "s-listed", "s-alice"]) {
      const { status } = await rig.call("GET", `/v1alpha1/sessions/${id}`, { token });
      expect([id, ids.includes(id)]).toEqual([id, status === 200]);
      if (status === 200) seen.push(id);
    }
    return seen;
  };
  expect(await reads("zoe@example.com")).toEqual(["s-zoe"]);
  expect(await reads("agent-zoe")).toEqual(["s-zoe"]);
  expect(await reads("alice@example.com")).toEqual(["s-listed", "s-alice"]);
  expect(await reads("agent-alice")).toEqual(["s-listed"]);
  const token = await rig.token("zoe@example.com");
  const session = (await rig.call("GET", "/v1alpha1/sessions/s-zoe", { token })).json;
  expect(session).toMatchObject({ username: "corp:agent-zoe", owner: owner.username });
});

test("sessions are listed page by page, each once, and a page that nobody gave is refused", async () => {
  const login = "pages@example.com";
  const [username, token] = [`corp:${login}`, await rig.token(login)];
  const ids = ["p-1", "p-2", "p-3", "p-4", "p-5"];
  const at_ms = Date.now() - 60_000;
  for (const [i, session_id] of ids.entries())
    rig.recorder.record(draft({ session_id, username, at_ms: at_ms + (i >> 1) }));
  await rig.recorder.flush({ toStore: true });
  const seen: string[] = [];
  for (let next = ""; ; ) {
    const { json } = await rig.call("GET", `/v1alpha1/sessions?limit=2${next && `&continue=${next}`}`, { token });
    seen.push(...json.items.map((session: { session_id: string }) => session.session_id));
    next = json.continue;
    if (next === "") break;
  }
  // Its own reads are in a session of the reader's, which nobody opened: it is of nobody.
  expect(seen.filter((id) => id.startsWith("p-"))).toEqual(ids.toReversed());
  expect(new Set(seen).size).toBe(seen.length);
  for (const bad of ["x", "W10", "e30", "WyIyMDI2IiwicyJd"]) {
    const { json } = await rig.call("GET", `/v1alpha1/sessions?continue=${bad}`, { token });
    expect(json, bad).toMatchObject({ status: 400, code: "bad-request" });
  }
});

test("an auditor reads everybody's, asks the named queries, and each read is on record", async () => {
  await evidenceOf();
  const token = await rig.token("carol@example.com", { groups: ["audit"] });
  expect((await rig.call("GET", "/v1alpha1/sessions/s-bob", { token })).status).toBe(200);
  const query = await rig.call("POST", "/v1alpha1/queries/sessions", { token, body: { parameters: { limit: 5 } } });
  expect(query.json.items.length).toBeGreaterThan(0);
  await rig.recorder.flush({ toStore: true });
  const reads = await rig.recorder.query<{ session_id: string; what: string }>(
    "SELECT session_id, JSONExtractString(payload, 'what') AS what FROM events WHERE kind = 'read' AND username = {u:String}",
    { u: "corp:carol@example.com" },
  );
  expect(reads).toContainEqual({ session_id: "s-bob", what: "session" });
  expect(reads.map(({ what }) => what)).toContain("query");
});

test("the named queries are for auditors, and unknown ones are not there", async () => {
  const auditor = await rig.token("carol@example.com", { groups: ["audit"] });
  const alice = await rig.token("alice@example.com");
  const path = "/v1alpha1/queries/sessions";
  expect((await rig.call("POST", path, { token: alice, body: {} })).json).toMatchObject({ code: "forbidden" });
  for (const name of ["nothing", "constructor", "__proto__"]) {
    expect((await rig.call("POST", `/v1alpha1/queries/${name}`, { token: auditor, body: {} })).status).toBe(404);
  }
  const body = { parameters: { since: "yesterday" } };
  expect((await rig.call("POST", path, { token: auditor, body })).status).toBe(400);
});

test("a named query takes its own parameters, says what is wrong with others, and is on record with them", async () => {
  await evidenceOf();
  const token = await rig.token("carol@example.com", { groups: ["audit"] });
  const ask = (name: string, parameters?: object) =>
    rig.call("POST", `/v1alpha1/queries/${name}`, { token, body: parameters === undefined ? {} : { parameters } });
  const found = await ask("session-activity", { session: "s-bob" });
  expect(found.json.more).toBe(false);
  expect(found.json.items).toContainEqual(expect.objectContaining({ kind: "request", outcome: "allowed" }));
  expect((await ask("session-activity", { session: "s-none" })).json.items).toEqual([]);
  const wrong = async (name: string, parameters?: object) => (await ask(name, parameters)).json;
  expect(await wrong("session-activity")).toMatchObject({ status: 400, code: "bad-request" });
  expect((await wrong("session-activity", {})).errors).toEqual(["parameters: must have required property 'session'"]);
  expect((await wrong("approvals", { aprover: "x" })).errors).toEqual([
    'parameters.aprover: unknown key; did you mean "approver"?',
  ]);
  expect((await wrong("privileged-operations", { outcome: ["lost"] })).status).toBe(400);
  await rig.recorder.flush({ toStore: true });
  const reads = await rig.recorder.query<{ payload: string }>(
    "SELECT payload FROM events WHERE kind = 'read' AND JSONExtractString(payload, 'name') = 'session-activity' ORDER BY seq",
  );
  expect(JSON.parse(reads[0]?.payload ?? "{}")).toMatchObject({ parameters: { session: "s-bob" } });
});

test("an auditor asks in SQL of their own, and each question is on record before it is answered", async () => {
  await evidenceOf();
  const ask = async (sql: string, who = "carol") => {
    const token = await rig.token(`${who}@example.com`, who === "carol" ? { groups: ["audit"] } : {});
    return rig.call("POST", "/v1alpha1/queries/sql", { token, body: { parameters: { sql } } });
  };
  const sql = "SELECT DISTINCT username FROM events WHERE session_id = 's-bob' AND kind = 'request.outcome'";
  expect((await ask(sql)).json).toEqual({ items: [{ username: "corp:bob@example.com" }], more: false, continue: "" });
  expect((await ask(sql, "alice")).json).toMatchObject({ status: 403, code: "forbidden" });
  const bad = await ask("SELECT nme FROM events");
  expect(bad.json).toMatchObject({ status: 400, code: "bad-request", detail: expect.stringContaining("`nme`") });
  expect((await ask("SELECT * FROM file('/etc/passwd')")).json).toMatchObject({ status: 400 });
  expect((await ask("SELECT * FROM numbers(2000000)")).json).toMatchObject({ status: 429, code: "too-many" });
  await rig.recorder.flush({ toStore: true });
  const asked = await rig.recorder.query<{ sql: string }>(
    "SELECT JSONExtractString(payload, 'parameters', 'sql') AS sql FROM events WHERE kind = 'read' AND JSONExtractString(payload, 'name') = 'sql' ORDER BY session_id, seq",
  );
  expect(asked.map((row) => row.sql).filter((one) => one === sql)).toHaveLength(1);
  expect(asked.map((row) => row.sql)).toContain("SELECT * FROM file('/etc/passwd')");
});

test("the API's description has each named query with its parameters", async () => {
  const { json } = await rig.call("GET", "/openapi.json");
  const { schema } = json.paths["/v1alpha1/queries/who-approved"].post.requestBody.content["application/json"];
  expect(Object.keys(schema.properties.parameters.properties)).toContain("approver");
  expect(json.paths["/v1alpha1/queries/{name}"]).toBeUndefined();
});

test("where a read cannot be put on record, nothing is read", async () => {
  const { Refusal } = await import("../../base/errors.ts");
  const recordDurably = async (): Promise<void> => {
    throw new Refusal("recorder-unavailable", "the recorder cannot write");
  };
  const other = await consoleRig({ recorder: { record() {}, recordDurably, failure: () => "x" } });
  try {
    const token = await other.token("alice@example.com");
    expect((await other.call("GET", "/v1alpha1/sessions", { token })).json).toMatchObject({
      status: 503,
      code: "recorder-unavailable",
    });
  } finally {
    await other.close();
  }
});

test("unexpected errors say no more than an id", async () => {
  const other = await consoleRig({
    policy: {
      status: () => {
        throw new Error("secret path /etc/x");
      },
    },
  });
  try {
    const token = await other.token("alice@example.com");
    const answer = await other.call("GET", "/v1alpha1/policy", { token });
    expect(answer.json).toMatchObject({ status: 500, code: "internal", instance: expect.stringMatching(/^urn:uuid:/) });
    expect(answer.text).not.toContain("secret path");
  } finally {
    await other.close();
  }
});

test("an address without tokens has a rate cap, and those with tokens don't share it", async () => {
  const other = await consoleRig({ unauthenticatedPerMinute: 5 });
  try {
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) statuses.push((await other.call("GET", "/.well-known/jwks.json")).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const limited = await other.call("GET", "/.well-known/jwks.json");
    expect(limited.json).toMatchObject({ code: "too-many" });
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
    const token = await other.token("alice@example.com");
    expect((await other.call("GET", "/v1alpha1/policy", { token })).status).toBe(200);
  } finally {
    await other.close();
  }
});
