import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { type Guardrails, guardrailsSchema } from "../../base/config/guardrails.ts";
import { cachedBundle } from "../../cli/policy/bundle-cache.ts";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import type { PolicyInput, RequestInput } from "../../engine/input.ts";
import { ensureTool } from "../../tools/ensure.ts";

export const opa = await ensureTool("opa");
export const REGO = new URL("../../rego", import.meta.url).pathname;

/** A temporary folder with these files, gone after the test. */
export async function folder(files: Record<string, string> = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sallyport-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  await writeFiles(path, files);
  return path;
}

export async function writeFiles(path: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
}

/** A decision that allows, in Rego, with `more` as further source. */
export const allowing = (more = ""): Record<string, string> => ({
  "sallyport/decision.rego": `package sallyport\n\n${decisionRule('"allow"')}\n${more}`,
});

export const decisionRule = (effect: string, findings = "[]", condition = ""): string =>
  `decision := {"effect": ${effect}, "findings": ${findings}, "approval": null, "mask": [], "record": "Metadata"}${condition}`;

export async function compiled(files: Record<string, string>): Promise<Bundle> {
  return (await compileBundle({ sources: [await folder(files)], opa })).bundle;
}

let library: Promise<Bundle> | undefined;
/** The project's own rules, compiled once for all test files. */
export function libraryBundle(): Promise<Bundle> {
  library ??= cachedBundle([REGO]);
  return library;
}

export function guardrails(values: Record<string, unknown> = {}): Guardrails {
  return guardrailsSchema.parse({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Guardrails",
    defaults: { approval: { approvers: ["group:corp:oncall"] } },
    ...values,
  });
}

type Overrides = Omit<Partial<PolicyInput>, "request"> & { request?: Partial<RequestInput> };

/** A read of a ConfigMap, changed as the test says. */
export function input(overrides: Overrides = {}): PolicyInput {
  const { request, ...rest } = overrides;
  return {
    now: "2026-11-22T10:00:00.000Z",
    session: {
      id: "s-1",
      startedAt: "2026-11-22T09:00:00.000Z",
      agent: "claude-code",
      reason: "",
      owner: { issuer: "corp", username: "corp:alice" },
    },
    user: { issuer: "corp", username: "corp:agent", uid: "u", groups: ["corp:devs"], roles: [], extra: {} },
    connection: { name: "prod", kind: "kubernetes", labels: {} },
    exceptions: [],
    ...rest,
    request: {
      uid: "r-1",
      verb: "get",
      operation: "",
      path: "/api/v1/namespaces/a/configmaps/x",
      query: {},
      nonResource: false,
      kind: { group: "", version: "v1", kind: "ConfigMap" },
      resource: { group: "", version: "v1", resource: "configmaps" },
      subResource: "",
      namespace: "a",
      name: "x",
      fieldSelector: "",
      labelSelector: "",
      dryRun: false,
      options: {},
      patchType: "",
      contentType: "",
      userAgent: "kubectl/v1.36.3",
      sourceIP: "127.0.0.1",
      digest: "",
      ...request,
    },
  };
}

/** The creation of a pod with this spec; `padding` bytes of annotation make it larger. */
export function podCreation(spec: Record<string, unknown>, padding = 0): PolicyInput {
  return input({
    request: {
      verb: "create",
      operation: "CREATE",
      path: "/api/v1/namespaces/a/pods",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      name: "",
    },
    object: { apiVersion: "v1", kind: "Pod", metadata: { name: "p", annotations: { pad: "x".repeat(padding) } }, spec },
    podSpecs: [{ path: "spec", spec }],
  });
}

export const HOST_PATH_SPEC = {
  containers: [{ name: "c", image: "registry.example.com/app:1" }],
  volumes: [{ name: "v", hostPath: { path: "/var/run" } }],
};

export function clusterRoleBinding(): PolicyInput {
  return input({
    request: {
      verb: "create",
      operation: "CREATE",
      path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
      kind: { group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRoleBinding" },
      resource: { group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterrolebindings" },
      namespace: "",
      name: "",
    },
    object: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "b" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "User", name: "mallory" }],
    },
  });
}

/** METADATA and package of a rule, with `custom` lines in place of the usual ones. */
export const ruleSource = (name: string, custom: readonly string[] = CUSTOM): string =>
  [
    "# METADATA",
    "# title: A rule",
    "# description: Finds nothing.",
    "# custom:",
    ...custom.map((line) => `#   ${line}`),
    `package sallyport.rules.test.${name.replaceAll("-", "_")}`,
    "",
    'findings contains {"message": "found"} if input.request.name == "never"',
    "",
  ].join("\n");

export const CUSTOM: readonly string[] = [
  "severity: low",
  "ids: []",
  "effect: deny",
  "privileged: false",
  "match: [{resources: [configmaps]}]",
  "remediation: Don't.",
];
