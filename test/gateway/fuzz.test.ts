import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { spooled } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { raw, statusOf } from "./raw.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: { defaults: { record: "RequestResponse", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } } },
  });
  token = await rig.token("agent");
});
afterAll(() => rig.close());
beforeEach(() => {
  const metadata = { name: "a", namespace: "shop", uid: "u", resourceVersion: "7" };
  rig.upstream.answer = (_seen, res) => answerJson(res, 200, { kind: "Secret", metadata, data: { a: "c2VjcmV0" } });
  rig.upstream.seen.splice(0);
});

const word = fc.constantFrom(
  "pods",
  "secrets",
  "configmaps",
  "exec",
  "log",
  "status",
  "shop",
  "a",
  "..",
  "%2e",
  "",
  "__proto__",
);
const path = fc
  .tuple(
    fc.constantFrom("/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1", "/version", ""),
    fc.array(word, { maxLength: 6 }),
  )
  .map(([prefix, parts]) => [prefix, "namespaces", ...parts].join("/"));
const plain = (text: string): string => text.replace(/[^\x21-\x7e]/g, "_");
const query = fc.array(
  fc.tuple(
    fc.constantFrom(
      "watch",
      "limit",
      "dryRun",
      "fieldSelector",
      "labelSelector",
      "command",
      "follow",
      "__proto__",
      "timeout",
    ),
    fc.oneof(
      fc.constantFrom("1", "true", "All", "metadata.name=a", "-1", "", "%00", "%"),
      fc.string({ maxLength: 12 }).map(plain),
    ),
  ),
  { maxLength: 4 },
);
const json = fc.oneof(
  fc.json({ maxDepth: 5 }),
  fc
    .record({
      kind: fc.constantFrom("Pod", "Secret", "List", "DeleteOptions", "Role", 1, null),
      apiVersion: fc.constantFrom("v1", "", 7),
      metadata: fc.oneof(
        fc.record({ name: fc.constantFrom("a", "", 1, null, "__proto__") }),
        fc.jsonValue({ maxDepth: 1 }),
      ),
      spec: fc.oneof(
        fc.record({
          volumes: fc.oneof(fc.array(fc.jsonValue({ maxDepth: 2 })), fc.jsonValue()),
          containers: fc.jsonValue(),
        }),
        fc.jsonValue({ maxDepth: 3 }),
      ),
      data: fc.jsonValue({ maxDepth: 2 }),
      rules: fc.jsonValue({ maxDepth: 2 }),
      roleRef: fc.jsonValue({ maxDepth: 1 }),
      __proto__: fc.constant({ a: 1 }),
    })
    .map((value) => JSON.stringify(value)),
  fc
    .array(
      fc.record(
        {
          op: fc.constantFrom("add", "test", "copy", "move", "replace", "x"),
          path: fc.constantFrom("/data/a", "", "/spec/-", "~2", "x"),
          from: fc.constantFrom("/data", 1),
          value: fc.jsonValue({ maxDepth: 1 }),
        },
        { requiredKeys: ["op", "path"] },
      ),
      { maxLength: 3 },
    )
    .map((value) => JSON.stringify(value)),
  fc.constant("a: &a [*a]\n"),
);
const types = [
  "application/json",
  "application/yaml",
  "application/merge-patch+json",
  "application/json-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "text/plain",
  "",
];
const headerValue = fc.string({ maxLength: 30 }).map((text) => text.replace(/[^\x20-\x7e]/g, "é"));
const headers = fc.array(
  fc.tuple(
    fc.constantFrom(
      "Accept",
      "User-Agent",
      "Kubectl-Command",
      "Traceparent",
      "If-Match",
      "Content-Encoding",
      "Accept-Encoding",
      "Upgrade",
      "Connection",
      "X-A",
    ),
    headerValue,
  ),
  { maxLength: 3 },
);

interface Request {
  method: string;
  path: string;
  query: [string, string][];
  headers: [string, string][];
  type: string;
  body: string | undefined;
}
const request: fc.Arbitrary<Request> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
  path,
  query,
  headers,
  type: fc.constantFrom(...types),
  body: fc.option(json, { nil: undefined }),
});

function bytesOf({ method, path, query, headers, type, body }: Request): Buffer {
  const search = query.length === 0 ? "" : `?${query.map((pair) => pair.join("=")).join("&")}`;
  const lines = [
    `${method} /connections/local${path}${search} HTTP/1.1`,
    "Host: localhost",
    `Authorization: Bearer ${token}`,
    ...headers.map((pair) => pair.join(": ")),
    ...(type === "" ? [] : [`Content-Type: ${type}`]),
    ...(body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
    "Connection: close",
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), Buffer.from(body ?? "")]);
}

const RUNS = 250;

test("nothing that a client can send meets an unexpected error: no answer is a 500", { timeout: 60_000 }, async () => {
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 8, maxLength: 8 }), async (requests) => {
      const answers = await Promise.all(requests.map((one) => raw(rig, bytesOf(one), { quietMs: 3_000 })));
      for (const { text } of answers) {
        const status = statusOf(text);
        statuses.add(status);
        expect(text).not.toContain("request/internal");
        expect(status).toBeGreaterThanOrEqual(200);
        expect(status).not.toBe(500);
      }
    }),
    { numRuns: RUNS, seed: 20261122 },
  );
  // It reached every part of the path: passed, refused at the door, by decoding, by policy.
  for (const status of [200, 400, 403, 415]) expect(statuses).toContain(status);
  for (const { headers } of rig.upstream.seen)
    expect(headers["impersonate-user"] ?? "own").toMatch(/^dev:agent@|^own$/);
  expect(spooled(rig).length).toBeGreaterThan(100);
});
