import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import { guardrailsSchema } from "../../base/config/guardrails.ts";
import { readYaml } from "../../base/config/read.ts";
import type { Policy } from "../../engine/decision.ts";
import { createPolicy } from "../../engine/policy.ts";
import { backtest } from "../../proxy/backtest/backtest.ts";
import { type RecordedRow, recordedDecision } from "../../proxy/backtest/recorded.ts";
import { type ExplainRequest, explain } from "../../proxy/explain/explain.ts";
import { guardrails, libraryBundle } from "../engine/support.ts";
import { kube, spooled, until } from "./client.ts";
import { type Cluster, type StoredObject, serveObjects } from "./cluster.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

const GUARDRAILS = {
  defaults: { record: "Request", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } },
  rules: { "secrets/write": { effect: "record" } },
};

let rig: Rig;
let token: string;
let policy: Policy;
let cluster: Cluster;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  { guardrails: GUARDRAILS },
);
beforeAll(async () => {
  policy = await createPolicy({
    bundle: await libraryBundle(),
    guardrails: readYaml(rig.guardrailsFile, guardrailsSchema),
  });
});
beforeEach(() => {
  cluster = serveObjects(rig.upstream);
});

const PODS = "/api/v1/namespaces/shop/pods";
const SECRET = "/api/v1/namespaces/shop/secrets/db";
const volumes = [{ name: "node", hostPath: { path: "/" } }];
const pod = (spec: object = {}): StoredObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop" },
  spec: { containers: [{ name: "web", image: "shop/web:1" }], ...spec },
});
const privileged = { containers: [{ name: "web", securityContext: { privileged: true } }] };

interface Asked {
  method: string;
  path: string;
  body?: object | string;
  contentType?: string;
  headers?: Record<string, string>;
  stored?: StoredObject;
}

const TABLE: [string, Asked][] = [
  ["a read", { method: "GET", path: `${PODS}/web`, stored: pod() }],
  ["a list of Secrets", { method: "GET", path: "/api/v1/namespaces/shop/secrets" }],
  ["a Secret, masked", { method: "GET", path: SECRET }],
  ["discovery", { method: "GET", path: "/apis" }],
  ["impersonation", { method: "GET", path: "/api", headers: { "Impersonate-User": "root" } }],
  ["an ambiguous path", { method: "GET", path: "/api/v1/namespaces/a%2fb/pods" }],
  ["a plain pod", { method: "POST", path: PODS, body: pod() }],
  ["a pod that mounts the node", { method: "POST", path: PODS, body: pod({ volumes }) }],
  ["a privileged pod", { method: "POST", path: PODS, body: pod(privileged) }],
  ["duplicate keys", { method: "POST", path: PODS, body: '{"kind":"Pod","kind":"Pod"}' }],
  ["a list as a body", { method: "POST", path: PODS, body: { kind: "List", items: [] } }],
  [
    "a PUT of what is stored already",
    { method: "PUT", path: `${PODS}/web`, body: pod({ volumes }), stored: pod({ volumes }) },
  ],
  ["a PUT that adds a volume", { method: "PUT", path: `${PODS}/web`, body: pod({ volumes }), stored: pod() }],
  [
    "a merge patch",
    {
      method: "PATCH",
      path: `${PODS}/web`,
      contentType: "application/merge-patch+json",
      body: { spec: { ...(pod().spec as object), volumes } },
      stored: pod(),
    },
  ],
  [
    "a patch of no known type",
    { method: "PATCH", path: `${PODS}/web`, contentType: "application/json", body: {}, stored: pod() },
  ],
  ["an exec without an upgrade", { method: "POST", path: `${PODS}/web/exec?command=sh`, stored: pod() }],
  ["a delete", { method: "DELETE", path: `${PODS}/web`, stored: pod() }],
  ["a namespace", { method: "DELETE", path: "/api/v1/namespaces/shop", stored: pod() }],
  [
    "a webhook",
    {
      method: "DELETE",
      path: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/x",
      stored: pod(),
    },
  ],
  [
    "a cluster role binding",
    {
      method: "POST",
      path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
      body: {
        kind: "ClusterRoleBinding",
        metadata: { name: "x" },
        roleRef: { kind: "ClusterRole", name: "cluster-admin" },
      },
    },
  ],
];

/** Sends it through the gateway, and gives what came on record. */
async function asked({ method, path, body, contentType, headers, stored }: Asked): Promise<EventRow> {
  if (stored !== undefined)
    cluster.objects.set(path.replace(/\/exec.*/, ""), {
      ...stored,
      metadata: { ...stored.metadata, resourceVersion: "7" },
    });
  const sent = await kube(rig, method, path, {
    token,
    headers: { ...headers, ...(contentType === undefined ? {} : { "content-type": contentType }) },
    ...(body === undefined ? {} : { body }),
  });
  const id = sent.headers["audit-id"];
  return until(() =>
    spooled(rig).find((row) => row.exchange_id === id && /^request\.(outcome|refused)$/.test(row.kind)),
  );
}

/** What was found, by rule and field; a refusal of the gateway's own by its code. */
function foundBy(row: EventRow): string[] {
  const { findings = [], code } = JSON.parse(row.payload) as {
    findings?: { rule: string; effect: string; fields: string[] }[];
    code?: string;
  };
  if (findings.length > 0 || row.kind === "request.outcome")
    return findings.map(({ rule, effect, fields }) => `${effect} ${rule} ${fields.join()}`);
  return row.rules.map((rule) => `deny ${rule.startsWith("request/") ? rule : `request/${code}`} `);
}

describe("explain and the gateway", () => {
  test.each(TABLE)("say the same of %s", async (_title, one) => {
    const row = await asked(one);
    const { method, path, body, contentType, headers, stored } = one;
    const request: ExplainRequest = {
      method,
      path,
      user: { issuer: row.issuer, username: row.username, groups: row.groups },
      connection: { name: "local" },
      ...(headers === undefined ? {} : { headers }),
      ...(contentType === undefined && body === undefined ? {} : { contentType: contentType ?? "application/json" }),
      ...(body === undefined ? {} : { body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) }),
      ...(stored === undefined ? {} : { oldObject: stored }),
    };
    const { decision } = await explain(request, policy);
    expect(
      decision.findings.map(
        ({ rule, effect, fields }) => `${effect} ${rule} ${rule.startsWith("request/") ? "" : fields.join()}`,
      ),
    ).toEqual(foundBy(row));
  });
});

/** The contents in the spool, by their SHA-256: a body's frame begins with it. */
function bodies(): Map<string, string> {
  const path = join(rig.directory, "spool");
  const frames = listSegments(path).flatMap(
    ({ segment }) => readSegment(segmentPath(path, segment), 0, undefined, 1 << 26).frames,
  );
  return new Map(
    frames
      .filter(({ type }) => type === "body")
      .map(({ payload }) => [payload.subarray(0, 32).toString("hex"), payload.subarray(32).toString("utf8")]),
  );
}

describe("a recorded question", () => {
  const rowOf = async (row: EventRow): Promise<RecordedRow> => {
    const { facts } = JSON.parse(row.payload) as { facts?: string };
    const content = facts === undefined ? undefined : await until(() => bodyOf(facts));
    return { ...row, ...(content === undefined ? {} : { facts: content }) };
  };
  const bodyOf = (sha256: string): string | undefined => bodies().get(sha256);

  test("replays to the same decision, with the objects that were judged", async () => {
    const recorded = [];
    for (const [, one] of TABLE) {
      cluster = serveObjects(rig.upstream);
      const decision = recordedDecision(await rowOf(await asked(one)));
      if (decision !== undefined) recorded.push(decision);
    }
    expect(recorded.length).toBeGreaterThan(10);
    expect(recorded.every(({ input }) => input !== undefined)).toBe(true);
    const report = await backtest(recorded, policy);
    expect(report.rules).toEqual([]);
    expect(report.changed).toBe(0);
    expect(report.notJudged).toEqual([]);
    expect(report.judged).toBe(recorded.length);
  });

  test("shows what stricter guardrails would change, rule by rule, with the real requests", async () => {
    const recorded = [];
    for (const one of [
      { method: "GET", path: `${PODS}/web/log`, stored: pod() },
      { method: "POST", path: PODS, body: pod({ volumes }) },
    ]) {
      cluster = serveObjects(rig.upstream);
      const decision = recordedDecision(await rowOf(await asked(one)));
      if (decision !== undefined) recorded.push(decision);
    }
    const stricter = await createPolicy({
      bundle: await libraryBundle(),
      guardrails: guardrails({ rules: { "workload/host-path": { effect: "deny" } } }),
    });
    const report = await backtest(recorded, stricter);
    expect(report.effects).toEqual({ "hold → deny": 1 });
    expect(report.rules.find(({ rule }) => rule === "workload/host-path")).toMatchObject({
      from: "hold",
      to: "deny",
      count: 1,
      examples: [
        {
          who: "dev:agent@example.com",
          what: "create pods web in shop, through local",
          fields: ["spec.volumes[0].hostPath"],
          decisionId: recorded.at(-1)?.decisionId,
        },
      ],
    });
  });

  test("is canonical in its payload, whatever the query", async () => {
    const row = await asked({
      method: "GET",
      path: `${PODS}?limit=5&labelSelector=a%3D%F0%9F%98%80&fieldSelector=x&continue=%22`,
    });
    expect(JSON.parse(row.payload).input.request.query).toMatchObject({ limit: ["5"], continue: ['"'] });
    expect(row.payload).toBe(canonicalJson(JSON.parse(row.payload)));
  });

  test("keeps no value that is masked, and says so instead of judging by the placeholder", async () => {
    const VALUE = "correct-horse-battery";
    const data = { password: Buffer.from(VALUE).toString("base64") };
    const stored = { apiVersion: "v1", kind: "Secret", metadata: { name: "db", namespace: "shop" }, data };
    const row = await asked({
      method: "PUT",
      path: SECRET,
      body: { ...stored, data: { password: Buffer.from(`${VALUE}-2`).toString("base64") } },
      stored,
    });
    const kept = await rowOf(row);
    expect(kept.facts).toBeDefined();
    expect(`${kept.facts}${kept.payload}`).not.toMatch(new RegExp(`${VALUE}|${data.password.slice(0, 20)}`));
    const decision = recordedDecision(kept);
    const report = await backtest(decision === undefined ? [] : [decision], policy);
    expect(report.notJudged).toEqual([
      expect.objectContaining({ missing: expect.stringContaining("masked"), example: decision?.decisionId }),
    ]);
    // The session knows the value by now: it is in no command that comes on record either.
    const exec = await asked({ method: "POST", path: `${PODS}/web/exec?command=echo&command=${VALUE}`, stored: pod() });
    expect(JSON.stringify(JSON.parse(exec.payload).input)).not.toContain(VALUE);
  });
});
