import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { sha256 } from "../../base/digest.ts";
import { type Call, kube, type Reply, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let agent: string;
let bob: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { record: "None", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } },
      rules: {
        "workload/image-tag": { effect: "deny", record: "Request" },
        "recon/pod-log": { record: "Metadata" },
      },
      scopes: [
        ...["Metadata", "Request", "RequestResponse"].map((record) => ({
          name: record,
          match: { namespaces: [record.toLowerCase()] },
          record,
        })),
        {
          name: "by user",
          match: { users: ["dev:bob@example.com"], namespaces: ["by-user"] },
          record: "RequestResponse",
        },
        { name: "by group", match: { groups: ["dev:agents"], namespaces: ["by-group"] }, record: "RequestResponse" },
        {
          name: "by connection",
          match: { connections: ["local"], namespaces: ["by-connection"] },
          record: "RequestResponse",
        },
        { name: "by namespace label", match: { namespaceLabels: { audit: "full" } }, record: "RequestResponse" },
        {
          name: "by object label",
          match: { objectLabels: { audit: "full" }, namespaces: ["by-object"] },
          record: "RequestResponse",
        },
      ],
    },
  });
  [agent, bob] = [await rig.token("agent"), await rig.token("bob")];
});
afterAll(() => rig.close());

const STORED = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "x" }, data: { stored: "yes" } };
beforeEach(() => {
  rig.upstream.answer = ({ method, url, body }, res) => {
    const { pathname, searchParams } = new URL(url, "https://upstream");
    if (/^\/api\/v1\/namespaces\/[\w-]+$/.test(pathname)) {
      const labels = pathname.endsWith("/labelled") ? { audit: "full" } : {};
      answerJson(res, 200, { kind: "Namespace", apiVersion: "v1", metadata: { name: "n", labels } });
    } else if (pathname.endsWith("/log")) res.writeHead(200, { "content-type": "text/plain" }).end("a line\n");
    else if (pathname.includes("/pods/")) answerJson(res, 200, { kind: "Pod", metadata: { name: "web" }, spec: {} });
    else if (searchParams.has("watch")) {
      res
        .writeHead(200, { "content-type": "application/json" })
        .end(`${JSON.stringify({ type: "ADDED", object: STORED })}\n`);
    } else answerJson(res, method === "POST" ? 201 : 200, method === "GET" ? STORED : (JSON.parse(body) as object));
  };
});

const configMaps = (namespace: string, name = ""): string => `/api/v1/namespaces/${namespace}/configmaps${name}`;
const sent = (labels: Record<string, string> = {}): string =>
  JSON.stringify({ kind: "ConfigMap", apiVersion: "v1", metadata: { name: "x", labels }, data: { sent: "yes" } });

/** Its rows, once a later request's are on disk too. */
async function recorded(reply: Reply): Promise<EventRow[]> {
  const marker = await kube(rig, "GET", configMaps("metadata", "/marker"), { token: agent });
  const rows = (id: unknown): EventRow[] => spooled(rig).filter((row) => row.exchange_id === id);
  await until(() => rows(marker.headers["audit-id"]).length > 0);
  return rows(reply.headers["audit-id"]);
}

const of = (rows: readonly EventRow[], kind: string): EventRow | undefined => rows.find((row) => row.kind === kind);
const write = async (namespace: string, call: Call = {}): Promise<EventRow[]> =>
  recorded(await kube(rig, "POST", configMaps(namespace), { token: agent, body: sent(), ...call }));
const read = async (namespace: string, call: Call = {}): Promise<EventRow[]> =>
  recorded(await kube(rig, "GET", configMaps(namespace, "/x"), { token: agent, ...call }));

/** What is kept of a write: its body, with the intent, and its answer, with the outcome. */
const kept = (rows: readonly EventRow[]): [string | undefined, string | undefined] => [
  of(rows, "request.intent")?.request_body,
  of(rows, "request.outcome")?.response_body,
];

describe("the level of recording", () => {
  test("None leaves nothing of a read, and of a write that it was and what came of it", async () => {
    expect(await read("nothing")).toEqual([]);
    const rows = await write("nothing");
    expect(rows.map(({ kind }) => kind)).toEqual(["request.intent", "request.outcome"]);
    expect(kept(rows)).toEqual(["", ""]);
    expect(rows.map(({ payload }) => Object.keys(JSON.parse(payload)).includes("input"))).toEqual([false, false]);
  });

  test("None keeps a refusal all the same", async () => {
    const reply = await kube(rig, "PUT", configMaps("nothing", "/x"), { token: agent, body: "{" });
    const rows = await recorded(reply);
    expect([reply.status, rows.map(({ kind }) => kind)]).toEqual([400, ["request.refused"]]);
  });

  test("Metadata keeps who asked what and how it was decided, and no content", async () => {
    const [outcome] = await read("metadata");
    expect(outcome).toMatchObject({ verb: "get", status: 200, username: "dev:agent@example.com", response_body: "" });
    expect(JSON.parse(outcome?.payload ?? "{}").input.request.resource.resource).toBe("configmaps");
    const rows = await write("metadata");
    expect(kept(rows)).toEqual(["", ""]);
    expect(rows.map(({ payload }) => JSON.parse(payload).facts)).toEqual([undefined, undefined]);
  });

  test("Request keeps what was sent as it was sent, and nothing of the answer", async () => {
    expect((await read("request"))[0]?.response_body).toBe("");
    expect(kept(await write("request"))).toEqual([sha256(sent()), ""]);
  });

  test("RequestResponse keeps the answer too", async () => {
    expect((await read("requestresponse"))[0]?.response_body).toBe(sha256(JSON.stringify(STORED)));
    expect(kept(await write("requestresponse"))).toEqual([sha256(sent()), sha256(sent())]);
  });

  test.each([
    ["request", ""],
    ["requestresponse", sha256(`${JSON.stringify({ type: "ADDED", object: STORED })}\n`)],
  ])("of a watch in namespace %s keeps what the level says", async (namespace, body) => {
    const reply = await kube(rig, "GET", `${configMaps(namespace)}?watch=true`, { token: agent });
    expect(of(await recorded(reply), "request.outcome")?.response_body).toBe(body);
  });

  test.each([
    ["nothing", ""],
    ["request", ""],
    ["requestresponse", sha256("a line\n")],
  ])("of a log in namespace %s keeps what the level says, where its rule asks for no more", async (namespace, body) => {
    const reply = await kube(rig, "GET", `/api/v1/namespaces/${namespace}/pods/web/log`, { token: agent });
    expect(of(await recorded(reply), "request.outcome")?.response_body).toBe(body);
  });
});

describe("a scope's level applies", () => {
  const full = [sha256(sent()), sha256(sent())];

  test("to the users that it names, and to nobody else", async () => {
    expect(kept(await write("by-user", { token: bob }))).toEqual(full);
    expect(kept(await write("by-user"))).toEqual(["", ""]);
  });

  test("to the groups that it names", async () => {
    expect(kept(await write("by-group"))).toEqual(full);
    expect(kept(await write("by-group", { token: bob }))).toEqual(["", ""]);
  });

  test("to the connections that it names", async () => {
    expect(kept(await write("by-connection"))).toEqual(full);
  });

  test("to namespaces by their labels", async () => {
    expect(kept(await write("labelled"))).toEqual(full);
    expect((await read("labelled"))[0]?.response_body).toBe(sha256(JSON.stringify(STORED)));
    expect(kept(await write("nothing"))).toEqual(["", ""]);
  });

  test("to objects by their labels", async () => {
    const body = sent({ audit: "full" });
    expect(kept(await write("by-object", { body }))).toEqual([sha256(body), sha256(body)]);
    expect(kept(await write("by-object"))).toEqual(["", ""]);
  });
});

describe("a rule's level", () => {
  const pod = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: "web" },
    spec: { containers: [{ name: "a", image: "x:latest" }] },
  };

  test("counts where the rule finds something, with what was refused by it", async () => {
    const body = JSON.stringify(pod);
    const reply = await kube(rig, "POST", "/api/v1/namespaces/nothing/pods", { token: agent, body });
    const rows = await recorded(reply);
    expect([reply.status, of(rows, "request.refused")?.request_body]).toEqual([403, sha256(body)]);
    expect(of(rows, "request.refused")?.record_level).toBe("Request");
  });

  test("is no less than Metadata, and the scope's where that keeps more", async () => {
    const reply = await kube(rig, "GET", "/api/v1/namespaces/nothing/pods/web/log", { token: agent });
    expect(of(await recorded(reply), "request.outcome")?.record_level).toBe("Metadata");
    const more = await kube(rig, "GET", "/api/v1/namespaces/requestresponse/pods/web/log", { token: agent });
    expect(of(await recorded(more), "request.outcome")?.record_level).toBe("RequestResponse");
  });
});
