import { expect, test } from "vitest";
import { canonicalJson } from "../../base/canonical-json.ts";
import type { Guardrails } from "../../base/config/guardrails.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import type { RuleMatch } from "../../engine/bundle/metadata.ts";
import { idleGroups } from "../../engine/bundle/quiet.ts";
import { guardrailsIssues } from "../../engine/guardrails-issues.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { jsonBuffer, PolicyInstance } from "../../engine/wasm/instance.ts";
import { compiledModule } from "../../engine/wasm/modules.ts";
import {
  clusterRoleBinding,
  folder,
  guardrails,
  HOST_PATH_SPEC,
  input,
  libraryBundle,
  opa,
  podCreation,
} from "./support.ts";

/** Each of a kind that stands in another place of the generated package. */
const MATCHES: Record<string, RuleMatch[] | "podTemplates"> = {
  "named-resource": [{ groups: ["apps"], resources: ["deployments"], operations: ["UPDATE"] }],
  "two-groups": [{ groups: ["", "events.k8s.io"], resources: ["events"], verbs: ["list", "watch"] }],
  "any-group": [{ resources: ["deployments", "events"], subresources: ["", "status"] }],
  "star-group": [{ groups: ["*"], resources: ["events"], operations: ["CREATE", "DELETE"] }],
  "whole-group": [{ groups: ["apps"], verbs: ["delete", "deletecollection"] }],
  "star-resource": [{ groups: ["apps"], resources: ["*"], subresources: ["scale"] }],
  "an-operation": [{ operations: ["DELETE", "CREATE"] }],
  "a-verb": [{ verbs: ["watch"] }],
  anything: [{ subresources: ["*"] }],
  "some-paths": [{ nonResourcePaths: ["/metrics", "/debug/*"] }],
  "every-path": [{ nonResourcePaths: ["*"], verbs: ["get"] }],
  "two-matches": [{ groups: ["apps"], resources: ["deployments"] }, { operations: ["DELETE"] }],
  "a-tool": [{ tools: ["Bash", "shell"] }],
  "any-tool": [{ tools: ["*"] }],
  "a-model": [{ models: ["gpt-5", "claude-*-4[1m]"] }],
  "two-models": [{ models: ["gpt-5", "o3"] }],
  "any-model": [{ models: ["*"] }],
  templates: "podTemplates",
};

const rule = (
  name: string,
  match: RuleMatch[] | "podTemplates",
  { effect = "record", profiles = "{}" } = {},
): string => `# METADATA
# title: ${name}
# description: for the test
# custom:
#   severity: low
#   ids: []
#   effect: ${effect}
#   profiles: ${profiles}
#   privileged: false
#   remediation: none
#   ${match === "podTemplates" ? "podTemplates: true" : `match: ${JSON.stringify(match)}`}
package sallyport.rules.t.${name.replaceAll("-", "_")}

findings contains {"message": "found", "fields": []}
`;

/** Kubernetes' own reading of a match, one comparison after the other. */
function matches(match: RuleMatch, { request }: PolicyInput): boolean {
  const has = (values: string[] | undefined, value: string): boolean =>
    values === undefined || values.includes("*") || values.includes(value);
  const path = (pattern: string): boolean =>
    pattern.endsWith("*") ? request.path.startsWith(pattern.slice(0, -1)) : pattern === request.path;
  return (
    match.tools === undefined &&
    match.models === undefined &&
    request.nonResource === (match.nonResourcePaths !== undefined) &&
    (match.nonResourcePaths ?? ["*"]).some(path) &&
    has(match.groups, request.resource.group) &&
    has(match.resources, request.resource.resource) &&
    has(match.subresources, request.subResource) &&
    has(match.verbs, request.verb) &&
    has(match.operations, request.operation)
  );
}

test("the generated dispatch reaches exactly the rules whose match names the request", async () => {
  const files = Object.entries(MATCHES).map(([name, match]) => [`t/${name}/${name}.rego`, rule(name, match)] as const);
  const decision = "package sallyport\n\ndecision := sort(object.keys(data.sallyport.index.findings))\n";
  const sources = [await folder({ ...Object.fromEntries(files), "sallyport/decision.rego": decision })];
  const { bundle } = await compileBundle({ sources, opa });
  const data = jsonBuffer(JSON.stringify({ rules: bundle.rules, guardrails: {} }));
  const instance = new PolicyInstance({ key: "t", module: await compiledModule(bundle), data });
  const verbs = {
    get: "",
    watch: "",
    create: "CREATE",
    update: "UPDATE",
    delete: "DELETE",
    deletecollection: "DELETE",
  };
  const seen = new Set<string>();
  for (const [verb, operation] of Object.entries(verbs)) {
    for (const resource of [
      "/events",
      "events.k8s.io/events",
      "apps/deployments",
      "apps/daemonsets",
      "/metrics",
      "/debug/pprof",
    ]) {
      for (const subResource of ["", "status", "scale"]) {
        const nonResource = resource.startsWith("/m") || resource.startsWith("/d");
        const [group = "", name = ""] = nonResource ? [] : resource.split("/");
        for (const podSpecs of [undefined, [{ path: "spec", spec: {} }]]) {
          const asked = input({ ...(podSpecs === undefined ? {} : { podSpecs }) });
          const request = {
            verb,
            operation,
            nonResource,
            subResource,
            path: nonResource ? resource : "/apis",
            resource: { group, version: "v1", resource: name },
          };
          Object.assign(asked.request, request);
          const expected = Object.entries(MATCHES)
            .filter(([, match]) => (match === "podTemplates" ? podSpecs : match.some((one) => matches(one, asked))))
            .map(([id]) => `t/${id}`);
          expect(instance.evaluate(jsonBuffer(JSON.stringify(asked))), JSON.stringify(request)).toEqual(
            expected.sort(),
          );
          for (const id of expected) seen.add(id);
        }
      }
    }
  }
  const { request, ...dialogue } = input();
  for (const [name, expected] of Object.entries({ Bash: ["a-tool", "any-tool"], Write: ["any-tool"] })) {
    const asked = { ...dialogue, tool: { name, arguments: {}, commands: [] } };
    const ids = expected.map((id) => `t/${id}`);
    expect(instance.evaluate(jsonBuffer(JSON.stringify(asked))), name).toEqual(ids);
    // What a command would ask of a cluster is judged as a request.
    expect(instance.evaluate(jsonBuffer(JSON.stringify({ ...asked, request }))), name).toEqual(["t/anything"]);
    for (const id of ids) seen.add(id);
  }
  for (const [model, expected] of Object.entries({
    "gpt-5": ["a-model", "any-model", "two-models"],
    "claude-opus-4[1m]": ["a-model", "any-model"],
    "claude-opus-41": ["any-model"],
    "": ["any-model"],
  })) {
    const asked = { ...dialogue, dialogue: { promptId: "p", toolUseId: "", model } };
    const ids = expected.map((id) => `t/${id}`);
    expect(instance.evaluate(jsonBuffer(JSON.stringify(asked))), model).toEqual(ids);
    // Tool calls of the dialogue and requests that come of it are judged by themselves.
    expect(instance.evaluate(jsonBuffer(JSON.stringify({ ...asked, request }))), model).toEqual(["t/anything"]);
    const called = { ...asked, tool: { name: "Write", arguments: {}, commands: [] } };
    expect(instance.evaluate(jsonBuffer(JSON.stringify(called))), model).toEqual(["t/any-tool"]);
    for (const id of ids) seen.add(id);
  }
  expect(instance.evaluate(jsonBuffer(JSON.stringify(dialogue)))).toEqual([]);
  expect(seen.size).toBe(files.length);
});

test.for([
  ["tools", [{ tools: ["Bash"], verbs: ["get"] }], {}, /a tool call is no request: tools stands without other keys/],
  ["models", [{ models: ["*"], groups: [""] }], {}, /models stands without other keys/],
  ["models that it holds", [{ models: ["*"] }], { effect: "hold" }, /effect: a dialogue is not held/],
  [
    "models that a profile holds",
    [{ models: ["*"] }],
    { profiles: "{strict: hold}" },
    /strict: a dialogue is not held/,
  ],
] as const)("a rule of %s which nothing could come of is a mistake", async ([, match, custom, message]) => {
  const source = await folder({ "t/a/a.rego": rule("a", match as unknown as RuleMatch[], custom) });
  await expect(compileBundle({ sources: [source], opa })).rejects.toThrow(message);
});

test("guardrails that hold a dialogue are a mistake, wherever they say it", async () => {
  const { rules } = await libraryBundle();
  const hold = { "dialogue/asked": { effect: "hold" }, "tool/unparsed": { effect: "hold" } };
  const rails = guardrails({ rules: hold, scopes: [{ name: "s", match: {}, rules: hold }] });
  expect(guardrailsIssues(rails, rules).map(({ path, message }) => `${path}: ${message}`)).toEqual([
    "rules['dialogue/asked'].effect: a dialogue is not held, but denied or let through; hold what its tools do",
    "scopes[0].rules['dialogue/asked'].effect: a dialogue is not held, but denied or let through; hold what its tools do",
  ]);
});

const INPUTS: PolicyInput[] = [
  input(),
  input({ request: { verb: "delete", operation: "DELETE" } }),
  clusterRoleBinding(),
  podCreation(HOST_PATH_SPEC),
  podCreation({
    hostNetwork: true,
    containers: [
      { name: "a", image: "x", securityContext: { privileged: true, runAsUser: 0 }, ports: [{ hostPort: 80 }] },
    ],
  }),
];

test.for<[string, Record<string, unknown>]>([
  ["baseline", {}],
  ["strict", { profiles: ["strict"] }],
  ["observe", { profiles: ["observe"] }],
  ["read-only", { profiles: ["baseline", "read-only"] }],
  ["approve-secrets", { profiles: ["approve-secrets"] }],
  ["pod-security/baseline", { profiles: ["baseline", "pod-security/baseline"] }],
  ["pod-security/restricted alone", { profiles: ["pod-security/restricted"] }],
  [
    "a scope's profile",
    { scopes: [{ name: "s", match: { namespaces: ["a"] }, profiles: ["pod-security/restricted"] }] },
  ],
  ["an effect set by hand", { rules: { "pod-security/host-ports": { effect: "record" } } }],
  ["an effect set to allow, which is shown", { rules: { "pod-security/host-ports": { effect: "allow" } } }],
  ["a scope's effect", { scopes: [{ name: "s", match: {}, rules: { "workload/image": { effect: "hold" } } }] }],
  ["parameters", { rules: { "workload/image": { params: { registries: ["registry.example.com/"] } } } }],
])("rules that are left out as idle under %s change no verdict", async ([, values]) => {
  const bundle = await libraryBundle();
  const rails: Guardrails = guardrails(values);
  const module = await compiledModule(bundle);
  const made = (idle: object): PolicyInstance =>
    new PolicyInstance({
      key: "t",
      module,
      data: jsonBuffer(canonicalJson({ rules: bundle.rules, guardrails: rails, idle })),
    });
  const idle = idleGroups(bundle.rules, rails);
  const [all, some] = [made({}), made(idle)];
  for (const asked of INPUTS) {
    const json = JSON.stringify(asked);
    expect(some.evaluate(jsonBuffer(json))).toEqual(all.evaluate(jsonBuffer(json)));
  }
});

test("under baseline the Pod Security Standards are idle, and where a scope names them they are not", async () => {
  const { rules } = await libraryBundle();
  expect(Object.keys(idleGroups(rules, guardrails())).join()).toContain("pod-security/");
  const scoped = guardrails({ scopes: [{ name: "s", match: {}, profiles: ["pod-security/restricted"] }] });
  expect(Object.keys(idleGroups(rules, scoped)).join()).not.toContain("restricted");
});
