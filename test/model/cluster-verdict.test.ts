import { expect, test } from "vitest";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { StandingIndex } from "../../approvals/standing/standing.ts";
import { kubernetesRequests } from "../../dialogue/shell/kubernetes-requests.ts";
import { readCommands } from "../../dialogue/shell/read-commands.ts";
import { createPolicy } from "../../engine/policy.ts";
import { resourceOf, resourceOfKind } from "../../kubernetes/resources.ts";
import { clusterDenials } from "../../proxy/model/cluster-verdict.ts";
import { standingFile } from "../approvals/standing-files.ts";
import { guardrails, libraryBundle } from "../engine/support.ts";

const identity = { issuer: "corp", username: "corp:agent", uid: "", groups: [], roles: [], extra: {} };
const PRIVILEGED = `apiVersion: v1
kind: Pod
metadata: {name: x, namespace: shop}
spec: {containers: [{name: a, image: b, securityContext: {privileged: true}}]}`;

async function denials(
  text: string,
  values: Record<string, unknown> = {},
  connections = ["prod"],
  exceptions: StandingException[] = [],
): Promise<string[]> {
  const policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails(values) });
  const context = {
    resource: (name: string) => (name === "widgets" ? undefined : resourceOf(name)),
    kind: resourceOfKind,
  };
  const requests = readCommands(text).flatMap((command) => kubernetesRequests(command, context));
  const found = await clusterDenials(requests, {
    identity,
    policy,
    bodyBytes: 3_145_728,
    standing: { candidates: (asked) => new StandingIndex(exceptions).candidates(asked, 0) },
    connections: connections.map((name) => ({ name, labels: {} })),
  });
  return found.map(({ rule }) => rule);
}

test.for([
  ["kubectl get secrets -A", "secrets/list"],
  ["kubectl run x -n shop --image=a --privileged", "workload/privileged"],
  [`kubectl run x -n shop --image=a --overrides='{"spec":{"hostNetwork":true}}'`, "workload/host-network"],
  ["kubectl create token default -n shop", "identity/service-account-token"],
  ["kubectl get --raw /api/v1/nodes/n/proxy/run", "nodes/proxy"],
  ["kubectl create clusterrolebinding me --clusterrole=cluster-admin --user=me", "rbac/cluster-role-binding"],
  [`kubectl create -f - <<'E'\n${PRIVILEGED}\nE`, "workload/privileged"],
  ["cd /tmp && kubectl get pods -n shop && kubectl create token default -n shop", "identity/service-account-token"],
] as const)("%s is denied by the guardrail that would deny its request", async ([text, rule]) => {
  expect(await denials(text)).toContain(rule);
});

test.for([
  ["nothing is wrong with it", "kubectl get pods -n shop"],
  ["its file is not read", "kubectl apply -f x.yaml"],
  ["its namespace is the context's", "kubectl create token default"],
  ["a person is asked where the request comes", "kubectl exec -n shop web -- sh -c id"],
  ["the resource is none that is known here", "kubectl delete widgets x -n shop"],
  ["only the object would tell", "kubectl delete pods --all -n shop"],
] as const)("a command is left to the cluster's side where %s: %s", async ([, text]) => {
  expect(await denials(text)).toEqual([]);
});

test("of several connections each must deny, since a command does not say which it asks", async () => {
  const scopes = [{ name: "dev", match: { connections: ["dev"] }, rules: { "secrets/list": { effect: "allow" } } }];
  expect(await denials("kubectl get secrets -A", { scopes }, ["prod"])).toContain("secrets/list");
  expect(await denials("kubectl get secrets -A", { scopes }, ["prod", "dev"])).toEqual([]);
});

test.for<[string, Record<string, unknown>, string[]]>([
  ["that lifts it", {}, []],
  ["that lifts it of an object with labels, which nobody has looked up", { match: { labels: { app: "db" } } }, []],
  ["of another rule", { rules: ["workload/host-path"] }, ["workload/privileged"]],
  ["of another namespace", { match: { namespaces: ["pay"] } }, ["workload/privileged"]],
  ["of another connection", { match: { connection: "test" } }, ["workload/privileged"]],
  ["of other people", { subjects: [{ group: "corp:sre" }] }, ["workload/privileged"]],
])(
  "with a standing exception %s a denial is left to the cluster's side, or is none of its",
  async ([, spec, expected]) => {
    const file = standingFile("one", {
      rules: ["workload/privileged"],
      subjects: [{ issuer: "corp", username: "corp:agent" }],
      ...spec,
      match: { resources: ["/pods"], ...(spec.match as object) },
    });
    const exception = parseStanding("one", file) as StandingException;
    const text = `kubectl create -f - <<'E'\n${PRIVILEGED}\nE`;
    expect(await denials(text, {}, ["prod"], [exception])).toEqual(expected);
  },
);
