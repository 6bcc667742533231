import { describe, expect, test } from "vitest";
import type { Policy } from "../../engine/decision.ts";
import { createPolicy } from "../../engine/policy.ts";
import { type ExplainRequest, explain } from "../../proxy/explain/explain.ts";
import { allowing, CUSTOM, compiled, guardrails, libraryBundle, ruleSource } from "../engine/support.ts";

const policy: Policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails() });
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const PODS = "/api/v1/namespaces/shop/pods";
const volumes = [{ name: "node", hostPath: { path: "/" } }];
const pod = (spec: object = {}): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [{ name: "web", image: "shop/web:1" }], ...spec },
});
const patch = (type: string, body: unknown, more: Partial<ExplainRequest> = {}): ExplainRequest => ({
  method: "PATCH",
  path: `${PODS}/web`,
  contentType: `application/${type}`,
  body: json(body),
  ...more,
});

async function verdict(
  request: ExplainRequest,
  by = policy,
): Promise<{ effect: string; rules: string[]; fields: string[] }> {
  const { decision } = await explain(request, by);
  const { effect, findings } = decision;
  return { effect, rules: findings.map(({ rule }) => rule), fields: findings.flatMap(({ fields }) => fields) };
}

describe("explain", () => {
  test.for<[string, ExplainRequest, string]>([
    ["an encoded slash", { method: "GET", path: "/api/v1/namespaces/shop%2fx/pods" }, "request/bad-target"],
    ["an empty segment", { method: "GET", path: "/api/v1//pods" }, "request/bad-target"],
    ["a method of no API", { method: "TRACE", path: "/api/v1/pods" }, "request/method-not-allowed"],
    [
      "impersonation",
      { method: "GET", path: "/api", headers: { "Impersonate-User": "root" } },
      "request/impersonation",
    ],
    ["a header twice as good", { method: "GET", path: "/api", headers: { Expect: "200-ok" } }, "request/bad-header"],
    [
      "an upgrade of a watch",
      { method: "GET", path: "/api/v1/secrets?watch=1", protocol: "websocket" },
      "request/upgrade-refused",
    ],
    [
      "duplicate keys",
      { method: "POST", path: PODS, body: Buffer.from('{"spec":{},"spec":{}}') },
      "request/malformed-body",
    ],
    ["a list", { method: "POST", path: PODS, body: json({ kind: "List", items: [pod()] }) }, "request/malformed-body"],
    ["a patch of no type", { method: "PATCH", path: `${PODS}/web`, body: json({}) }, "request/unsupported-media-type"],
    [
      "a body that is too long",
      { method: "POST", path: PODS, body: Buffer.alloc(3 * 1024 * 1024 + 1, 32) },
      "request/body-too-large",
    ],
  ])("denies what classification refuses by its code: %s", async ([, request, rule]) => {
    expect(await verdict(request)).toMatchObject({ effect: "deny", rules: [rule] });
  });

  test.for<[string, ExplainRequest]>([
    ["a create", { method: "POST", path: PODS, body: json(pod({ volumes })) }],
    [
      "YAML",
      {
        method: "POST",
        path: PODS,
        contentType: "application/yaml",
        body: Buffer.from("apiVersion: v1\nkind: Pod\nspec:\n  volumes:\n  - name: node\n    hostPath: {path: /}\n"),
      },
    ],
    ["a PUT that creates", { method: "PUT", path: `${PODS}/web`, body: json(pod({ volumes })) }],
    [
      "a merge patch that brings no object, as the fragment that it is",
      patch("merge-patch+json", { spec: { volumes } }),
    ],
    ["a strategic one", patch("strategic-merge-patch+json", { spec: { volumes } })],
    ["server-side apply", patch("apply-patch+yaml", pod({ volumes }))],
    [
      "a JSON patch of an object",
      patch("json-patch+json", [{ op: "add", path: "/spec/volumes", value: volumes }], { oldObject: pod() }),
    ],
  ])("finds the same in every way to write it: %s", async ([, request]) => {
    expect(await verdict(request)).toEqual({
      effect: "hold",
      rules: ["workload/host-path"],
      fields: ["spec.volumes[0].hostPath"],
    });
  });

  test("applies a patch to the stored object, its lists by their keys: what stood there is not found again", async () => {
    const oldObject = pod({
      volumes: [
        { name: "data", emptyDir: {} },
        { name: "old", hostPath: { path: "/old" } },
      ],
    });
    const request = patch("strategic-merge-patch+json", { spec: { volumes } }, { oldObject });
    expect(await verdict(request)).toMatchObject({ effect: "hold", fields: ["spec.volumes[0].hostPath"] });
    expect(
      await verdict(patch("strategic-merge-patch+json", { spec: { volumes: [{ name: "old" }] } }, { oldObject })),
    ).toMatchObject({ effect: "allow" });
  });

  test("denies a JSON patch whose object it is not told, and one that does not apply", async () => {
    const operations = [{ op: "replace", path: "/spec/nodeName", value: "a" }];
    expect(await verdict(patch("json-patch+json", operations))).toMatchObject({
      effect: "deny",
      rules: ["request/outcome-unknown"],
    });
    expect(await verdict(patch("json-patch+json", operations, { oldObject: pod() }))).toMatchObject({
      effect: "deny",
      rules: ["request/outcome-unknown"],
    });
  });

  test("lets metadata decide a JSON patch where it can", async () => {
    const request = patch("json-patch+json", [{ op: "add", path: "/webhooks", value: [] }], {
      path: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/x",
    });
    const { effect, rules } = await verdict(request);
    expect(effect).toBe("deny");
    expect(rules).not.toContain("request/outcome-unknown");
  });

  test("denies a binding whose role it is not told", async () => {
    const binding = { kind: "RoleBinding", metadata: { name: "b" }, roleRef: { kind: "ClusterRole", name: "view" } };
    const path = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings";
    const { effect } = await verdict({ method: "POST", path, body: json(binding) });
    expect(effect).toBe("deny");
  });

  test.for<[string, string, ExplainRequest, Partial<ExplainRequest>]>([
    [
      "what a delete takes away",
      "oldObject",
      { method: "DELETE", path: "/api/v1/namespaces/a/configmaps/x" },
      { oldObject: { kind: "ConfigMap" } },
    ],
    [
      "the namespace's labels",
      "namespaceLabels",
      { method: "GET", path: "/api/v1/namespaces/a/configmaps/x" },
      { namespaceLabels: {} },
    ],
  ])("denies where a rule needs a fact that the request does not bring: %s", async ([, need, request, fact]) => {
    const rule = ruleSource("a-rule", [...CUSTOM, `needs: [${need}]`]);
    const bundle = await compiled({ ...allowing(), "test/a-rule/a-rule.rego": rule });
    const needing = await createPolicy({ bundle, guardrails: guardrails() });
    expect(await verdict(request, needing)).toMatchObject({ effect: "deny", rules: ["request/fact-missing"] });
    expect(await verdict({ ...request, ...fact }, needing)).toMatchObject({ effect: "allow" });
    expect(await verdict({ method: "GET", path: "/api/v1/namespaces/a/pods/x" }, needing)).toMatchObject({
      effect: "allow",
    });
  });

  test("denies where a scope goes by labels that it is not told, and judges by those that it is", async () => {
    const scopes = [
      { name: "prod", match: { namespaceLabels: { tier: "prod" } }, rules: { "access/exec": { effect: "deny" } } },
    ];
    const strict = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails({ scopes }) });
    const exec = { method: "GET", path: `${PODS}/web/exec?command=sh` };
    expect((await verdict(exec, strict)).effect).toBe("deny");
    expect(await verdict({ ...exec, namespaceLabels: { tier: "prod" } }, strict)).toMatchObject({
      effect: "deny",
      rules: ["access/exec"],
    });
    expect(await verdict({ ...exec, namespaceLabels: {} }, strict)).toMatchObject({
      effect: "hold",
      rules: ["access/exec"],
    });
  });

  test.for<[string, ExplainRequest]>([
    ["WebSocket GET", { method: "GET", path: `${PODS}/web/exec?command=sh`, protocol: "websocket" }],
    ["SPDY POST", { method: "POST", path: `${PODS}/web/exec?command=sh`, protocol: "spdy" }],
    ["a GET without an upgrade", { method: "GET", path: `${PODS}/web/exec?command=sh` }],
  ])("holds an exec by %s", async ([, request]) => {
    expect(await verdict(request)).toMatchObject({ effect: "hold", rules: ["access/exec"] });
  });

  test("knows nobody's groups where no user is named", async () => {
    const scopes = [{ name: "devs", match: { groups: ["corp:devs"] }, rules: { "access/exec": { effect: "allow" } } }];
    const devs = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails({ scopes }) });
    const exec = { method: "GET", path: `${PODS}/web/exec?command=sh` };
    expect((await verdict(exec, devs)).effect).toBe("hold");
    expect((await verdict({ ...exec, user: { groups: ["corp:devs"] } }, devs)).effect).toBe("allow");
  });

  test("refuses a JSON patch that would tell a masked value, as the gateway does", async () => {
    const operations = [{ op: "test", path: "/data/password", value: "Z3Vlc3M=" }];
    const allowing = await createPolicy({
      bundle: await libraryBundle(),
      guardrails: guardrails({ scopes: [{ name: "all", rules: { "secrets/write": { effect: "mask" } } }] }),
    });
    const request = patch("json-patch+json", operations, {
      path: "/api/v1/namespaces/shop/secrets/db",
      oldObject: { kind: "Secret", metadata: { name: "db" }, data: { password: "Z3Vlc3M=" } },
    });
    expect(await verdict(request, allowing)).toMatchObject({ effect: "deny" });
  });
});
