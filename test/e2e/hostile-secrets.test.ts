import { request } from "node:https";
import { gunzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { openWorld, type World } from "./harness.ts";

const VALUE = "correct-horse-battery-staple";
const SECRETS = "/api/v1/namespaces/vault/secrets";
const APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

let world: World;
let token: string;
beforeAll(async () => {
  world = await openWorld({
    guardrails: {
      rules: {
        "secrets/list": { effect: "mask" },
        "secrets/write": { effect: "record" },
        "identity/token-secret": { effect: "record" },
      },
    },
  });
  token = (await developmentTokens(world.issuer, "agent", "data")).idToken;
  await world.admin(["create", "namespace", "vault"]);
  const object = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "db", namespace: "vault", labels: { app: "db" } },
    stringData: { password: VALUE, other: `${VALUE}-2` },
  };
  const held = { ...object, metadata: { name: "held", namespace: "vault", finalizers: ["example.com/hold"] } };
  for (const one of [object, held]) {
    const made = await world.admin(["apply", "-f", "-"], JSON.stringify(one));
    expect(made.code).toBe(0);
  }
});

interface Answer {
  status: number;
  text: string;
}

function call(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = `${world.url}/connections/local${path}`;
    const all = { authorization: `Bearer ${token}`, ...headers };
    const req = request(url, { method, ca: world.caPem, headers: all }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("close", () => {
        const bytes = Buffer.concat(chunks);
        const plain = res.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
        const head = JSON.stringify(res.headers);
        resolve({ status: res.statusCode ?? 0, text: head + plain.toString("latin1") });
      });
      res.on("error", () => {});
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** The middle of what anything that encodes the value as base64 would write. */
const FORMS = [0, 1, 2].map((offset) =>
  Buffer.concat([Buffer.alloc(offset), Buffer.from(VALUE)])
    .toString("base64")
    .slice(4, 30),
);

function expectNothing({ text }: Answer): void {
  for (const form of [VALUE, ...FORMS]) expect(text).not.toContain(form);
}

const AS = (as: string, type = "application/json"): string => `${type};as=${as};v=v1;g=meta.k8s.io`;
const ACCEPTS = [
  "*/*",
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/cbor",
  "application/json;stream=watch",
  "application/vnd.kubernetes.protobuf;stream=watch",
  AS("Table"),
  AS("Table", "application/yaml"),
  AS("PartialObjectMetadata"),
  AS("PartialObjectMetadataList"),
  AS("PartialObjectMetadataList", "application/vnd.kubernetes.protobuf"),
  AS("PartialObjectMetadata", "application/cbor"),
  "application/json;q=0.1,application/vnd.kubernetes.protobuf;q=0.9",
  "text/html,application/*;q=0.5",
];
const TARGETS = [
  `${SECRETS}/db`,
  `${SECRETS}/db?watch=true&timeoutSeconds=1`,
  `${SECRETS}/db?pretty=true&includeObject=Object`,
  SECRETS,
  `${SECRETS}?includeObject=Object&pretty=true`,
  `${SECRETS}?includeObject=Metadata`,
  `${SECRETS}?limit=1`,
  `${SECRETS}?resourceVersion=0&resourceVersionMatch=NotOlderThan`,
  `${SECRETS}?fieldSelector=metadata.name%3Ddb`,
  `${SECRETS}?watch=1&timeoutSeconds=1&includeObject=Object`,
  `${SECRETS}?watch=true&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
  "/api/v1/watch/namespaces/vault/secrets?timeoutSeconds=1",
  "/api/v1/watch/namespaces/vault/secrets/db?timeoutSeconds=1&pretty=true",
  "/api/v1/secrets?labelSelector=app%3Ddb",
];

test("no way to ask for a Secret shows its value", { timeout: 60_000 }, async () => {
  const asked = TARGETS.flatMap((target) =>
    ACCEPTS.flatMap((accept) => ["GET", "HEAD"].map((method) => ({ target, accept, method }))),
  );
  const served = await Promise.all(
    asked.map(async ({ target, accept, method }) => {
      const answer = await call(method, target, { accept, "accept-encoding": "gzip", range: "bytes=0-999" });
      expectNothing(answer);
      return answer.status;
    }),
  );
  expect(served.filter((status) => status === 200).length).toBeGreaterThan(150);
  expect(served.filter((status) => status >= 500)).toEqual([]);
});

const JSON_TYPE = "application/json";
const MERGE = "application/merge-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const OPERATIONS = "application/json-patch+json";
const APPLY = "application/apply-patch+yaml";
const secret = (more: object): string =>
  JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, ...more });
const WRITES: [title: string, method: string, target: string, type: string, body: string][] = [
  ["a merge patch of a label", "PATCH", `${SECRETS}/db`, MERGE, '{"metadata":{"labels":{"a":"b"}}}'],
  ["a label that is none", "PATCH", `${SECRETS}/db`, MERGE, '{"metadata":{"labels":{"a":" "}}}'],
  [
    "a patch that leaves no Secret",
    "PATCH",
    `${SECRETS}/db`,
    OPERATIONS,
    '[{"op":"replace","path":"/metadata","value":"x"}]',
  ],
  ["data that is no map", "PATCH", `${SECRETS}/db`, OPERATIONS, '[{"op":"add","path":"/type","value":["x"]}]'],
  ["data that is no base64", "PATCH", `${SECRETS}/db`, MERGE, '{"data":{"new":"!"}}'],
  ["another type", "PATCH", `${SECRETS}/db`, MERGE, '{"type":"kubernetes.io/tls"}'],
  ["a token's type", "PATCH", `${SECRETS}/db`, MERGE, '{"type":"kubernetes.io/service-account-token"}'],
  ["immutable, then changed", "PATCH", `${SECRETS}/held`, STRATEGIC, '{"immutable":true}'],
  ["a change of what is immutable", "PATCH", `${SECRETS}/held`, MERGE, '{"data":{"a":"Yg=="}}'],
  [
    "a strategic patch that replaces",
    "PATCH",
    `${SECRETS}/db?dryRun=All`,
    STRATEGIC,
    '{"data":{"$patch":"replace","a":"Yg=="}}',
  ],
  [
    "a strategic patch that retains",
    "PATCH",
    `${SECRETS}/db?dryRun=All`,
    STRATEGIC,
    '{"$retainKeys":["data"],"data":{"$retainKeys":["password"]}}',
  ],
  ["a guess, applied", "PATCH", `${SECRETS}/db?fieldManager=me`, APPLY, secret({ data: { password: "Z3Vlc3M=" } })],
  ["an unknown field, strictly", "PATCH", `${SECRETS}/db?fieldValidation=Strict`, MERGE, '{"dota":{"a":"b"}}'],
  [
    "an update with an old version",
    "PUT",
    `${SECRETS}/db`,
    JSON_TYPE,
    secret({ metadata: { name: "db", resourceVersion: "1" } }),
  ],
  ["an update under another name", "PUT", `${SECRETS}/db`, JSON_TYPE, secret({ metadata: { name: "other" } })],
  ["a create of what is there", "POST", SECRETS, JSON_TYPE, secret({ data: {} })],
  ["the status of a Secret", "PATCH", `${SECRETS}/db/status`, MERGE, "{}"],
  [
    "a ConfigMap in its place",
    "PUT",
    `${SECRETS}/db`,
    JSON_TYPE,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"db"}}',
  ],
  ["a delete that only tries", "DELETE", `${SECRETS}/db?dryRun=All`, "", ""],
  ["a delete that a finalizer holds", "DELETE", `${SECRETS}/held`, "", ""],
  ["a delete of all that only tries", "DELETE", `${SECRETS}?dryRun=All&pretty=true`, "", ""],
  [
    "removing the annotation",
    "PATCH",
    `${SECRETS}/db`,
    MERGE,
    JSON.stringify({ metadata: { annotations: { [APPLIED]: null } } }),
  ],
];

test("no write of a Secret, however it ends, shows its value", { timeout: 60_000 }, async () => {
  const statuses: number[] = [];
  for (const [title, method, target, type, body] of WRITES) {
    for (const accept of ["application/json", "application/vnd.kubernetes.protobuf", AS("Table")]) {
      const answer = await call(method, target, { accept, ...(type === "" ? {} : { "content-type": type }) }, body);
      expectNothing(answer);
      expect(`${title}: ${answer.status}`).toMatch(/: [24]\d\d$/);
      statuses.push(answer.status);
    }
  }
  expect(statuses.filter((status) => status < 300).length).toBeGreaterThan(15);
});
