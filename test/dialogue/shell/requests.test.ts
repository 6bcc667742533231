import { describe, expect, test } from "vitest";
import { parseKubectl } from "../../../dialogue/shell/kubectl/command-line.ts";
import { kubernetesRequests } from "../../../dialogue/shell/kubernetes-requests.ts";
import { REQUESTS } from "./requests.ts";
import { CONTEXT, requestsOf, shownRequest } from "./shown-request.ts";

for (const [title, rows] of Object.entries(REQUESTS)) {
  test.each(rows.map(([text, ...requests]) => ({ text, requests })))(`${title}: $text`, ({ text, requests }) => {
    expect(requestsOf(text).map(shownRequest)).toEqual(requests);
  });
}

test("without a namespace that is known, what is asked says so", () => {
  const requests = requestsOf("kubectl get pods; kubectl get pods -n a; kubectl get nodes; kubectl get pods -A", {
    resource: CONTEXT.resource,
    kind: CONTEXT.kind,
  });
  expect(requests.map(shownRequest)).toEqual([
    "list pods default/ ?namespace",
    "list pods a/",
    "list nodes /",
    "list pods /",
  ]);
});

describe("the object that a command would send is the one that its words say:", () => {
  const META = { metadata: { name: "web" } };
  test.for<[text: string, body: unknown]>([
    ["kubectl scale deploy web --replicas=0", { spec: { replicas: 0 } }],
    ["kubectl label pod web a=b c-", { metadata: { labels: { a: "b", c: null } } }],
    ["kubectl annotate pod web a=b=c", { metadata: { annotations: { a: "b=c" } } }],
    ["kubectl delete pod web", { propagationPolicy: "Background" }],
    ["kubectl delete pod web --force --cascade=orphan", { propagationPolicy: "Orphan", gracePeriodSeconds: 0 }],
    ["kubectl delete pod web --grace-period=5", { gracePeriodSeconds: 5 }],
    ["kubectl delete pod web --now", { gracePeriodSeconds: 1 }],
    ['kubectl patch deploy web -p \'{"spec":{"replicas":0}}\'', { spec: { replicas: 0 } }],
    ["kubectl patch deploy web -p 'spec: {paused: yes}'", { spec: { paused: true } }],
    [
      "kubectl run web --image=nginx --privileged -- a b",
      { ...META, spec: { containers: [{ image: "nginx", args: ["a", "b"], securityContext: { privileged: true } }] } },
    ],
    ["kubectl run web --image=nginx --command -- a b", { spec: { containers: [{ command: ["a", "b"] }] } }],
    [
      'kubectl run web --image=nginx --overrides=\'{"spec":{"hostNetwork":true}}\'',
      { spec: { hostNetwork: true, containers: [{ image: "nginx" }] } },
    ],
    [
      "kubectl run web --image=nginx --env=A=b -l x=y",
      { metadata: { labels: { x: "y" } }, spec: { containers: [{ env: [{ name: "A", value: "b" }] }] } },
    ],
    [
      "kubectl create deployment web --image=nginx",
      { kind: "Deployment", spec: { replicas: 1, template: { spec: { containers: [{ image: "nginx" }] } } } },
    ],
    ["kubectl create secret generic web --from-literal=a=b", { ...META, kind: "Secret", data: { a: "Yg==" } }],
    ["kubectl create cm web --from-literal=a=b=c", { data: { a: "b=c" } }],
    ["kubectl create ns web", { ...META, apiVersion: "v1", kind: "Namespace" }],
    [
      "kubectl create role web --verb=get,list --resource=pods,deploy,pods/log",
      {
        rules: [
          { apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list"] },
          { apiGroups: ["apps"], resources: ["deployments"] },
        ],
      },
    ],
    [
      "kubectl create clusterrole web --verb=get --non-resource-url=/metrics",
      { rules: [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }] },
    ],
    [
      "kubectl create clusterrolebinding web --clusterrole=cluster-admin --user=eve --group=g --serviceaccount=a:b",
      {
        roleRef: { kind: "ClusterRole", name: "cluster-admin" },
        subjects: [
          { kind: "User", name: "eve" },
          { kind: "Group", name: "g" },
          { kind: "ServiceAccount", namespace: "a", name: "b" },
        ],
      },
    ],
    [
      "kubectl create service nodeport web --tcp=80:8080",
      { spec: { type: "NodePort", ports: [{ port: 80, targetPort: 8080 }] } },
    ],
    [
      "kubectl create cronjob web --image=x --schedule='* * * * *' -- a",
      { spec: { jobTemplate: { spec: { template: { spec: { containers: [{ image: "x", command: ["a"] }] } } } } } },
    ],
    ["kubectl expose deploy web --port=80 --external-ip=1.2.3.4", { spec: { externalIPs: ["1.2.3.4"] } }],
    [
      "kubectl set image deploy web app=nginx:1",
      { spec: { template: { spec: { containers: [{ name: "app", image: "nginx:1" }] } } } },
    ],
    [
      "kubectl set image cronjob/web app=nginx:1",
      { spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: "app" }] } } } } } },
    ],
    ["kubectl set sa deploy web builder", { spec: { template: { spec: { serviceAccountName: "builder" } } } }],
    [
      "kubectl autoscale deploy web --max 5",
      { spec: { maxReplicas: 5, scaleTargetRef: { kind: "Deployment", name: "web" } } },
    ],
    [
      "kubectl debug node/web --image=x",
      { spec: { nodeName: "web", hostPID: true, volumes: [{ hostPath: { path: "/" } }] } },
    ],
    ["kubectl cordon web", { spec: { unschedulable: true } }],
    [
      "kubectl apply -f - <<'E'\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {hostNetwork: yes}\nE",
      { ...META, spec: { hostNetwork: true } },
    ],
  ])("%s", ([text, body]) => {
    expect(requestsOf(text)[0]?.body).toMatchObject(body as object);
  });
});

describe("a document that would take long to read, or that hides what it is, is not known", () => {
  test.each([
    [
      "aliases of aliases",
      `a: &a [x,x]\n${"bcdefghijklmnop"
        .split("")
        .map((c, i) => `${c}: &${c} [*${"abcdefghijklmno"[i]},*${"abcdefghijklmno"[i]}]`)
        .join("\n")}`,
    ],
    ["hundreds of documents", "---\na: b\n".repeat(200)],
    ["a list of no objects", '{"apiVersion":"v1","kind":"List","items":[1]}'],
    ["a kind that is no text", '{"apiVersion":"v1","kind":["Pod"]}'],
  ])("%s", (_, text) => {
    expect(requestsOf(`kubectl apply -f - <<'E'\n${text}\nE`).map(shownRequest)).toEqual([
      "create shop/ ?group ?resource ?name ?object",
    ]);
  });
});

describe("options are read as kubectl reads them:", () => {
  test.for<[text: string[], expected: Record<string, unknown>]>([
    [["get", "-nshop", "pods"], { command: "get", args: ["pods"], options: { namespace: ["shop"] } }],
    [["-n", "get", "get", "pods"], { command: "get", args: ["pods"], options: { namespace: ["get"] } }],
    [
      ["exec", "-itcapp", "web", "--", "-n", "x"],
      { behind: ["-n", "x"], options: { stdin: ["true"], tty: ["true"], container: ["app"] } },
    ],
    [["logs", "-f", "web"], { args: ["web"], options: { follow: ["true"] } }],
    [["apply", "-f", "web"], { args: [], options: { filename: ["web"] } }],
    [["-f", "x", "apply"], { command: "apply", options: { filename: ["x"] } }],
    [["create", "deploy", "web"], { command: "create deployment", args: ["web"] }],
    [["create", "--dry-run", "server", "deployment"], { command: "create", args: ["server", "deployment"] }],
    [["get", "pods", "--all-namespaces=false"], { options: { "all-namespaces": ["false"] } }],
    [["get", "pods", "-A=0"], { options: { "all-namespaces": ["0"] } }],
    [["get", "pods", "--", "-A"], { args: ["pods"], behind: ["-A"], options: {} }],
    [["get", "pods", "-"], { args: ["pods", "-"] }],
  ])("%o", ([words, expected]) => {
    const line = parseKubectl(words);
    if ("unparsed" in line) throw new Error(line.unparsed);
    expect({ ...line, options: Object.fromEntries(line.options) }).toMatchObject(expected);
  });
});

test("a command that names more than is reasonable is cut, and one with odd names is no trouble", () => {
  const command = { argv: ["kubectl", "get", `${"pods,".repeat(5000)}x`], text: "" };
  expect(kubernetesRequests(command, CONTEXT)).toHaveLength(200);
  for (const name of ["__proto__", "constructor", "..", "/", "a/b/c", "%2e", " ", "\0"]) {
    expect(() => kubernetesRequests({ argv: ["kubectl", "delete", name, name], text: "" }, CONTEXT)).not.toThrow();
    expect(() => kubernetesRequests({ argv: ["kubectl", name, name, name], text: "" }, CONTEXT)).not.toThrow();
    expect(() => kubernetesRequests({ argv: ["kubectl", "create", name, name], text: "" }, CONTEXT)).not.toThrow();
    expect(() => kubernetesRequests({ argv: ["helm", name, name, name], text: "" }, CONTEXT)).not.toThrow();
  }
});
