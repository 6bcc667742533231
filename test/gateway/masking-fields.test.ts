import { describe, expect, test } from "vitest";
import { causesOf, kube, type Reply, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  {
    guardrails: {
      defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } },
      rules: {
        "secrets/list": { effect: "mask" },
        "secrets/write": { effect: "record" },
        "identity/token-secret": { effect: "record" },
      },
      masks: [
        { group: "", resource: "configmaps", fields: ["data['db-password']"], patterns: ["private-key", "jwt"] },
        { group: "", resource: "pods", fields: ["spec.containers[*].env[*].value"] },
        { group: "example.com", resource: "databases", fields: ["spec.users[*].password", "spec.port"] },
      ],
    },
  },
);

const PLACEHOLDER = "**sallyport-masked**";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const b64 = (text: string): string => Buffer.from(text).toString("base64");
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const JWT = `${part({ alg: "RS256", kid: "x" })}.${part({ sub: "system:serviceaccount:shop:builder" })}.${"s1G".repeat(20)}`;

type Json = Record<string, unknown>;
interface Kind {
  path: string;
  object: (extra?: Json) => Json;
  /** What must not be in any answer. */
  values: string[];
  /** What an answer about the whole object shows. */
  shown: Json;
}

const metadata = (name: string, applied: Json): Json => ({
  name,
  namespace: "shop",
  annotations: { [LAST_APPLIED]: `${JSON.stringify(applied)}\n` },
});

const KINDS: Record<string, Kind> = {
  "a service account token's Secret": {
    path: "/api/v1/namespaces/shop/secrets",
    object: () => {
      const data = { token: b64(JWT), namespace: b64("shop"), "ca.crt": b64("-----BEGIN CERTIFICATE-----\nMIIB") };
      const type = "kubernetes.io/service-account-token";
      return { apiVersion: "v1", kind: "Secret", metadata: metadata("a", { data }), type, data };
    },
    values: [JWT, b64(JWT)],
    shown: { type: "kubernetes.io/service-account-token", data: { token: b64(PLACEHOLDER) } },
  },
  "a ConfigMap's named field, and a token in another": {
    path: "/api/v1/namespaces/shop/configmaps",
    object: () => {
      const data = { "db-password": "tr0ub4dor&3", url: `https://x/?access=${JWT}`, level: "debug" };
      return { apiVersion: "v1", kind: "ConfigMap", metadata: metadata("a", { data }), data };
    },
    values: ["tr0ub4dor&3", "tr0ub4dor\\u00263", JWT],
    shown: { data: { "db-password": PLACEHOLDER, url: `https://x/?access=${PLACEHOLDER}`, level: "debug" } },
  },
  "the env values of a Pod": {
    path: "/api/v1/namespaces/shop/pods",
    object: () => {
      const spec = {
        containers: [
          {
            name: "app",
            image: "app:1",
            env: [
              { name: "A", value: "envvalue-1" },
              { name: "B", valueFrom: {} },
            ],
          },
          { name: "side", args: ["--password", "envvalue-2"], env: [{ name: "C", value: "envvalue-2" }] },
        ],
      };
      return { apiVersion: "v1", kind: "Pod", metadata: metadata("a", { spec }), spec };
    },
    values: ["envvalue-1", "envvalue-2"],
    shown: {
      spec: {
        containers: [
          {
            name: "app",
            image: "app:1",
            env: [
              { name: "A", value: PLACEHOLDER },
              { name: "B", valueFrom: {} },
            ],
          },
          { name: "side", args: ["--password", PLACEHOLDER], env: [{ name: "C", value: PLACEHOLDER }] },
        ],
      },
    },
  },
  "the fields of a custom resource": {
    path: "/apis/example.com/v1/namespaces/shop/databases",
    object: () => {
      const spec = { port: 54321, users: [{ name: "root", password: "root-password" }] };
      return { apiVersion: "example.com/v1", kind: "Database", metadata: metadata("a", { spec }), spec };
    },
    values: ["root-password", "54321"],
    shown: { spec: { port: 0, users: [{ name: "root", password: PLACEHOLDER }] } },
  },
};

const columnDefinitions = [{ name: "Name" }, { name: "Shows" }, { name: "Age" }];
const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const table = (rows: Json[]): Json => ({ kind: "Table", apiVersion: "meta.k8s.io/v1", columnDefinitions, rows });
const partial = (object: Json): Json => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata: object.metadata,
});

describe.each(Object.entries(KINDS))("GHSA-w23h-64x4-22h9, kubernetes 23564: %s", (_title, kind) => {
  const object = kind.object();
  const cells = ["a", kind.values[0], "3d"];
  const shapes: [
    title: string,
    method: string,
    path: string,
    headers: Json,
    answer: Json,
    look: (json: Json) => unknown,
  ][] = [
    ["get", "GET", "/a", {}, object, (json) => json],
    ["list", "GET", "", {}, { kind: "List", items: [object, object] }, ({ items }) => (items as Json[])[1]],
    ["watch", "GET", "?watch=1", {}, { type: "MODIFIED", object }, ({ object: seen }) => seen],
    [
      "a list of metadata",
      "GET",
      "",
      { accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" },
      { kind: "PartialObjectMetadataList", items: [partial(object)] },
      () => undefined,
    ],
    [
      "a Table of whole objects",
      "GET",
      "?includeObject=Object",
      { accept: TABLE },
      table([{ cells: [...cells], object }]),
      ({ rows }) => (rows as Json[])[0]?.object,
    ],
    [
      "a Table of metadata",
      "GET",
      "?includeObject=Metadata",
      { accept: TABLE },
      table([{ cells: ["a", "", "3d"], object: partial(object) }]),
      () => undefined,
    ],
    [
      "server-side apply",
      "PATCH",
      "/a?fieldManager=agent&force=true",
      { "content-type": "application/apply-patch+yaml" },
      object,
      (json) => json,
    ],
    ["a merge patch", "PATCH", "/a", { "content-type": "application/merge-patch+json" }, object, (json) => json],
    ["a create", "POST", "", {}, object, (json) => json],
    ["a delete", "DELETE", "/a", {}, object, (json) => json],
  ];
  test.each(shapes)("%s", async (_shape, method, path, headers, answer, look) => {
    rig.upstream.answer = ({ method: asked, url }, res) => {
      // What is judged before a write is the object; what is answered is the shape.
      answerJson(res, 200, asked === method && !url.includes("dryRun=All") ? answer : object);
    };
    const body =
      method === "GET" || method === "DELETE"
        ? {}
        : { body: { apiVersion: object.apiVersion, kind: object.kind, metadata: { name: "a", labels: { a: "b" } } } };
    const reply = await kube(rig, method, kind.path + path, {
      token,
      headers: headers as Record<string, string>,
      ...body,
    });
    expect(reply.status, reply.text).toBe(200);
    for (const value of kind.values) expect(reply.text).not.toContain(value);
    const seen = look(JSON.parse(reply.text) as Json);
    if (seen !== undefined) expect(seen).toMatchObject(kind.shown);
  });
});

test("a Table without objects hides a custom resource's cells, and shows those of Pods", async () => {
  const rows = [{ cells: ["a", "Running", "3d"] }];
  rig.upstream.answer = (_seen, res) => answerJson(res, 200, table(rows));
  const ask = (path: string): Promise<Reply> =>
    kube(rig, "GET", `${path}?includeObject=None`, { token, headers: { accept: TABLE } });
  const cells = ({ json }: Reply): unknown => ((json?.rows ?? []) as Json[])[0]?.cells;
  expect(cells(await ask("/apis/example.com/v1/namespaces/shop/databases"))).toEqual(["a", PLACEHOLDER, "3d"]);
  expect(cells(await ask("/api/v1/namespaces/shop/pods"))).toEqual(["a", "Running", "3d"]);
});

test("equal values have equal HMACs on record, in a Secret and in a ConfigMap, and are not on record themselves", async () => {
  const password = "equal-value-1";
  const masked = async (path: string, object: Json): Promise<Json> => {
    rig.upstream.answer = (_seen, res) => answerJson(res, 200, object);
    const { headers } = await kube(rig, "GET", `${path}/a`, { token });
    const row = await until(() =>
      spooled(rig).find((one) => one.exchange_id === headers["audit-id"] && one.kind === "request.outcome"),
    );
    return JSON.parse(row.payload).masked;
  };
  const secret = await masked("/api/v1/namespaces/shop/secrets", {
    kind: "Secret",
    metadata: { name: "a", namespace: "shop" },
    data: { p: b64(password), q: b64("another-value-1") },
  });
  const config = await masked("/api/v1/namespaces/shop/configmaps", {
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "shop" },
    data: { "db-password": password },
  });
  expect(secret["data.p"]).toMatch(/^[0-9a-f]{64}$/);
  expect(config["data.db-password"]).toBe(secret["data.p"]);
  expect(secret["data.q"]).not.toBe(secret["data.p"]);
  expect(JSON.stringify(spooled(rig))).not.toContain(password);
});

describe("JSON patch copy, test [M]: at a masked path", () => {
  test.each<[string, string, object]>([
    ["a copy of a masked ConfigMap field", "configmaps", { op: "copy", from: "/data/db-password", path: "/data/x" }],
    ["a move of the whole data", "configmaps", { op: "move", from: "/data", path: "/metadata/annotations" }],
    ["a test of an env's value", "pods", { op: "test", path: "/spec/containers/0/env/0/value", value: "guess" }],
    ["a test of a token that a pattern takes", "configmaps", { op: "test", path: "/data/url", value: JWT }],
  ])("%s is refused before anything is asked", async (_title, resource, operation) => {
    const reply = await kube(rig, "PATCH", `/api/v1/namespaces/shop/${resource}/a?dryRun=All`, {
      token,
      headers: { "content-type": "application/json-patch+json" },
      body: [operation],
    });
    expect(reply.status).toBe(403);
    expect(causesOf(reply)).toEqual(["request/masked-path"]);
    expect(rig.upstream.seen).toEqual([]);
  });
});
