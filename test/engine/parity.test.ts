import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareSources } from "../../engine/bundle/compile.ts";
import { runOpa } from "../../engine/bundle/opa.ts";
import { stageSources } from "../../engine/bundle/sources.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { createPolicy } from "../../engine/policy.ts";
import {
  clusterRoleBinding,
  guardrails,
  HOST_PATH_SPEC,
  input,
  libraryBundle,
  opa,
  podCreation,
  REGO,
} from "./support.ts";

const secret = { group: "", version: "v1", resource: "secrets" };
const pods = { group: "", version: "v1", resource: "pods" };
const CASES: [string, PolicyInput][] = [
  ["a read", input()],
  ["a read in an odd namespace", input({ request: { namespace: 'é"\\\u0000\u2028' } })],
  ["a hostPath pod", podCreation(HOST_PATH_SPEC)],
  ["a pod with odd values", podCreation({ ...HOST_PATH_SPEC, n: 2 ** 63, f: 1.5e-7, deep: { a: [[[null]]] } })],
  ["a cluster role binding", clusterRoleBinding()],
  ["a Secret read", input({ request: { resource: secret } })],
  ["a Secret list", input({ request: { resource: secret, verb: "list", name: "" } })],
  [
    "a Secret watch across namespaces",
    input({ request: { resource: secret, verb: "watch", name: "", namespace: "" } }),
  ],
  [
    "a Secret write",
    input({ request: { resource: secret, verb: "create", operation: "CREATE" }, object: { data: { a: "Yg==" } } }),
  ],
  ["an exec", input({ request: { resource: pods, operation: "CONNECT", subResource: "exec" } })],
  [
    "a node proxy",
    input({ request: { resource: { ...pods, resource: "nodes" }, operation: "CONNECT", subResource: "proxy" } }),
  ],
  ["a path that is no resource", input({ request: { nonResource: true, path: "/debug/pprof/heap" } })],
  [
    "an exception",
    { ...podCreation(HOST_PATH_SPEC), exceptions: [{ name: "e", rules: ["workload/host-path"], unmask: false }] },
  ],
  ["labels unread", { ...input(), user: { ...input().user, username: "corp:labelled" } }],
  ["labels that match", input({ namespaceLabels: { tier: "prod" } })],
];

// Where no labels were read the scope below cannot be told, and everything is denied: one case has that.
const INPUTS = CASES.map(([name, one]): [string, PolicyInput] => [
  name,
  name === "labels unread" ? one : { namespaceLabels: {}, ...one },
]);

const GUARDRAILS = guardrails({
  profiles: ["strict", "approve-secrets"],
  scopes: [
    { name: "prod", match: { namespaceLabels: { tier: "pr*" } }, profiles: ["read-only"] },
    {
      name: "globs",
      match: { namespaces: ["a*", "!ab"], users: ["*.x*"] },
      rules: { "workload/host-path": { effect: "deny" } },
    },
  ],
  masks: [{ group: "", resource: "configmaps", fields: ["data['a']"] }],
});

test("opa's own evaluator and the WASM decide alike, on all inputs", async () => {
  const policy = await createPolicy({ bundle: await libraryBundle(), guardrails: GUARDRAILS });
  await using staged = await stageSources([REGO]);
  const rules = await prepareSources(staged, opa);
  await writeFile(join(staged.folder, "data.json"), JSON.stringify({ rules, guardrails: GUARDRAILS }));
  await writeFile(join(staged.folder, ".inputs.json"), JSON.stringify(INPUTS.map(([, one]) => one)));
  const query = "[d | some i; one := input[i]; d := data.sallyport.decision with input as one]";
  const native = await runOpa(opa, ["eval", "-f", "json", "--ignore", ".*", "-d", ".", "-i", ".inputs.json", query], {
    cwd: staged.folder,
  });
  expect(native.stderr).toBe("");
  const decisions = JSON.parse(native.stdout).result[0].expressions[0].value as unknown[];
  expect(decisions).toHaveLength(INPUTS.length);
  const ours: Record<string, unknown> = {};
  const theirs: Record<string, unknown> = {};
  for (const [i, [name, one]] of INPUTS.entries()) {
    const { decisionId: _, revision: __, ...verdict } = await policy.decide(one);
    ours[name] = verdict;
    theirs[name] = decisions[i];
  }
  expect(ours).toEqual(theirs);
  expect(new Set(Object.values(ours).map((one) => (one as { effect: string }).effect))).toEqual(
    new Set(["allow", "hold", "deny"]),
  );
});
