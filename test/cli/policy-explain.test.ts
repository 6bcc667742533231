import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { explainCommand } from "../../cli/policy/explain.ts";
import { explainBatch } from "../../cli/policy/explain-batch.ts";
import { kubectlRequests } from "../../cli/policy/kubectl-request.ts";
import { createPolicy } from "../../engine/policy.ts";
import { folder, guardrails, libraryBundle } from "../engine/support.ts";

const policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails() });
const BARE = { rules: [], group: [], namespaceLabel: [] };
const POD =
  "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: web, image: web:1}]\n  volumes: [{name: node, hostPath: {path: /}}]\n";

async function batch(
  text: string | Uint8Array[],
): Promise<{ answers: Record<string, unknown>[]; answered: number; wrong: number }> {
  let written = "";
  const input = Readable.from(typeof text === "string" ? [Buffer.from(text)] : text);
  const result = await explainBatch(input, policy, async (some) => {
    written += some;
  });
  const answers = written
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { answers, answered: result.answered, wrong: result.wrong };
}

describe("policy explain --batch", () => {
  test("answers each line in its order, with the keys that are promised and no others", async () => {
    const requests = [
      { id: "a", method: "GET", path: "/api/v1/namespaces/shop/pods" },
      { id: 7, method: "POST", path: "/api/v1/namespaces/shop/pods", body: POD, contentType: "application/yaml" },
      { method: "GET", path: "/api/v1/secrets" },
      { id: "door", method: "GET", path: "/api/v1//x" },
    ];
    const { answers } = await batch(`${requests.map((one) => JSON.stringify(one)).join("\n")}\n`);
    expect(answers.map(({ id, effect }) => [id, effect])).toEqual([
      ["a", "allow"],
      [7, "hold"],
      [null, "deny"],
      ["door", "deny"],
    ]);
    for (const answer of answers) expect(Object.keys(answer)).toEqual(["id", "effect", "findings", "mask", "record"]);
    expect(answers[3]?.findings).toMatchObject([{ rule: "request/bad-target", effect: "deny" }]);
  });

  test("takes a body as JSON, as text and in base64, whatever the chunks", async () => {
    const text = JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      spec: { volumes: [{ name: "n", hostPath: { path: "/é" } }] },
    });
    const lines = [JSON.parse(text), text].map((body) =>
      JSON.stringify({ method: "POST", path: "/api/v1/namespaces/a/pods", body }),
    );
    lines.push(
      JSON.stringify({
        method: "POST",
        path: "/api/v1/namespaces/a/pods",
        bodyBase64: Buffer.from(text).toString("base64"),
      }),
    );
    const bytes = Buffer.from(lines.join("\n"));
    const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
    const { answers } = await batch(chunks);
    expect(answers.map(({ effect }) => effect)).toEqual(["hold", "hold", "hold"]);
  });

  test.for<[string, string, RegExp]>([
    ["no JSON", "{", /no JSON/],
    ["no object", "[]", /expected object/],
    ["no path", '{"method":"GET"}', /path: is needed/],
    [
      "an unknown key",
      '{"method":"GET","path":"/api","oldobject":{}}',
      /oldobject: unknown key; did you mean "oldObject"/,
    ],
    ["two bodies", '{"method":"GET","path":"/api","body":{},"bodyBase64":"e30="}', /two bodies/],
    ["no base64", '{"method":"GET","path":"/api","bodyBase64":"%"}', /bodyBase64/],
    ["no protocol", '{"method":"GET","path":"/api","protocol":"http3"}', /protocol: must be one of websocket, spdy/],
  ])("says what is wrong with a line, and goes on: %s", async ([, line, error]) => {
    const { answers, answered, wrong } = await batch(`${line}\n{"id":1,"method":"GET","path":"/api"}\n`);
    expect(answers[0]).toMatchObject({ error: expect.stringMatching(error) });
    expect(answers[1]).toMatchObject({ id: 1, effect: "allow" });
    expect([answered, wrong]).toEqual([1, 1]);
  });

  test("keeps integers that no double holds, so that what is judged is what was written", async () => {
    const line =
      '{"method":"POST","path":"/apis/x.io/v1/namespaces/a/things","body":{"spec":{"n":9007199254740993}}}\n';
    expect((await batch(line)).answers[0]).toMatchObject({ effect: "allow" });
  });

  test("ends where a line is longer than its cap, or no UTF-8", async () => {
    await expect(batch([Buffer.from('{"a":"'), Buffer.alloc(17 * 1024 * 1024, 97)])).rejects.toMatchObject({
      exitCode: 2,
    });
    await expect(batch([Buffer.from([0x22, 0xff, 0x22, 0x0a])])).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe("policy explain -- kubectl …", () => {
  const path = async (line: string): Promise<string[]> =>
    (await kubectlRequests(line.split(" "))).map((one) => `${one.method} ${one.path}`);

  test.for<[string, string]>([
    ["get po -n shop", "GET /api/v1/namespaces/shop/pods"],
    ["get deploy/web -n shop", "GET /apis/apps/v1/namespaces/shop/deployments/web"],
    ["get secrets -A", "GET /api/v1/secrets"],
    ["get secrets -A --watch -l app=web", "GET /api/v1/secrets?labelSelector=app%3Dweb&watch=true"],
    ["get nodes", "GET /api/v1/nodes"],
    ["get events.events.k8s.io", "GET /apis/events.k8s.io/v1/namespaces/default/events"],
    ["get workflows.v1alpha1.argoproj.io -n a", "GET /apis/argoproj.io/v1alpha1/namespaces/a/workflows"],
    ["get --raw /metrics", "GET /metrics"],
    ["kubectl delete ns shop", "DELETE /api/v1/namespaces/shop"],
    ["delete pod web --force --dry-run=server", "DELETE /api/v1/namespaces/default/pods/web?dryRun=All"],
    ["logs web-0 -c app -n shop", "GET /api/v1/namespaces/shop/pods/web-0/log?container=app"],
    [
      "exec -it web-0 -n shop -- sh -c ls",
      "GET /api/v1/namespaces/shop/pods/web-0/exec?command=sh&command=-c&command=ls&stdin=true&stdout=true&tty=true",
    ],
    ["port-forward pod/web-0 8080:80", "GET /api/v1/namespaces/default/pods/web-0/portforward"],
    ["scale deploy web --replicas 0", "PATCH /apis/apps/v1/namespaces/default/deployments/web/scale"],
    ["rollout restart deploy/web", "PATCH /apis/apps/v1/namespaces/default/deployments/web"],
    ["label ns shop tier-", "PATCH /api/v1/namespaces/shop"],
    ["cordon n1", "PATCH /api/v1/nodes/n1"],
    ["create token builder -n ci", "POST /api/v1/namespaces/ci/serviceaccounts/builder/token"],
    ["create ns shop", "POST /api/v1/namespaces"],
    ["run x --image=alpine", "POST /api/v1/namespaces/default/pods"],
  ])("%s", async ([line, expected]) => {
    expect(await path(line)).toEqual([expected]);
  });

  test.for<[string, string[]]>([
    ["delete pod a b -n x", ["DELETE /api/v1/namespaces/x/pods/a", "DELETE /api/v1/namespaces/x/pods/b"]],
    ["delete cm/a ns/prod", ["DELETE /api/v1/namespaces/default/configmaps/a", "DELETE /api/v1/namespaces/prod"]],
    ["get cm/a secret/b", ["GET /api/v1/namespaces/default/configmaps/a", "GET /api/v1/namespaces/default/secrets/b"]],
  ])("%s is a request for each object that it names", async ([line, expected]) => {
    expect(await path(line)).toEqual(expected);
  });

  test("what runs in the pod is in its container", async () => {
    const [asked] = await kubectlRequests("run x --image=alpine -- sh -c ls".split(" "));
    expect(JSON.parse(Buffer.from(asked?.body ?? "").toString())).toMatchObject({
      spec: { containers: [{ image: "alpine", args: ["sh", "-c", "ls"] }] },
    });
  });

  test("sends each document of a file, to its own namespace", async () => {
    const at = await folder({
      "all.yaml": `# two\n---\n${POD}---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: own}\n`,
    });
    expect(await path(`apply -f ${at}/all.yaml -n shop`)).toEqual([
      "POST /api/v1/namespaces/shop/pods",
      "POST /apis/rbac.authorization.k8s.io/v1/namespaces/own/roles",
    ]);
    expect(await path(`apply --server-side -f ${at}/all.yaml -n shop`)).toEqual([
      "PATCH /api/v1/namespaces/shop/pods/web?fieldManager=kubectl&force=false",
      "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/own/roles/r?fieldManager=kubectl&force=false",
    ]);
  });

  test.for<[string, string, RegExp]>([
    ["nothing", "", /there is no object in .*all\.yaml/],
    ["a comment", "# later\n", /there is no object in/],
    ["an empty List", "apiVersion: v1\nkind: List\nitems: []\n", /there is no object in/],
    ["null", "null\n", /no apiVersion and kind/],
    ["a List of null", "apiVersion: v1\nkind: List\nitems: [null]\n", /no apiVersion and kind/],
  ])("a file of %s is wrong usage, and no answer", async ([, text, message]) => {
    const at = await folder({ "all.yaml": text });
    await expect(path(`apply -f ${at}/all.yaml`)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  test.for<[string, RegExp]>([
    ["gett pods", /"gett" is no kubectl command.*did you mean "get"/],
    ["get podz", /no built-in resource "podz"/],
    ["get pods --nope", /Unknown option '--nope'/],
    ["exec deploy/web -- sh", /name the pod itself/],
    ["delete pods", /names no object/],
    ["scale deploy web db --replicas 0", /nothing is known here of "db"/],
    ["exec web cat /etc/shadow", /nothing is known here of "cat \/etc\/shadow"/],
    ["create deployment web --image=evil", /nothing is known here of "--image=evil"/],
    ["create secret generic db", /nothing is known here of "db"/],
    ["cordon a b", /nothing is known here of "b"/],
    ["logs web app", /nothing is known here of "app"/],
    ["delete cm/a prod", /"prod" is no resource\/name/],
    ["scale deploy web", /--replicas is needed/],
  ])("%s is wrong usage, in words", async ([line, message]) => {
    await expect(path(line)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  });
});

describe("policy explain", () => {
  test("says which rule, with which value, why, and what would make it pass", async () => {
    const at = await folder({
      "pod.yaml": POD,
      "guardrails.yaml":
        "apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\ndefaults: {approval: {approvers: ['group:corp:oncall']}}\nscopes: [{name: shop, match: {namespaces: [shop]}, rules: {workload/host-path: {effect: deny}}}]\n",
    });
    const answer = await explainCommand(["create", "-f", `${at}/pod.yaml`, "-n", "shop"], {
      ...BARE,
      guardrails: `${at}/guardrails.yaml`,
    });
    expect(answer).toMatchObject({
      exitCode: 1,
      json: {
        effect: "deny",
        findings: [
          {
            rule: "workload/host-path",
            values: { "spec.volumes[0].hostPath": '{"path":"/"}' },
            because: [
              { layer: "profile baseline", effect: "hold" },
              { layer: "scope shop", effect: "deny" },
            ],
            remediation: expect.stringMatching(/persistentVolumeClaim/),
          },
        ],
      },
    });
    expect(answer?.text).toMatch(/^DENY {2}POST .*\/pods/);
    expect(answer?.text).toContain("why deny: scope shop (before: profile baseline: hold)");
    expect(answer?.json).toMatchObject({ withExceptions: { rules: ["workload/host-path"], effect: "allow" } });
    expect(answer?.text).toContain("a standing exception for workload/host-path lets it pass");
  });

  test("exits 0 where the request passes", async () => {
    expect(await explainCommand(["get", "pods"], BARE)).toMatchObject({
      exitCode: 0,
      json: { effect: "allow", findings: [] },
    });
  });

  test("never shows a value of a Secret", async () => {
    const at = await folder({
      "secret.json": JSON.stringify({
        apiVersion: "v1",
        kind: "Secret",
        type: "kubernetes.io/service-account-token",
        metadata: { name: "db" },
        stringData: { password: "hunter2hunter2" },
      }),
    });
    const answer = await explainCommand([], {
      ...BARE,
      request: ["POST", "/api/v1/namespaces/shop/secrets"],
      body: `${at}/secret.json`,
    });
    expect(answer?.exitCode).toBe(1);
    expect(answer?.text).not.toContain("hunter2");
    expect(JSON.stringify(answer?.json)).not.toContain("hunter2");
  });

  test.for<[string, object]>([
    ["nothing", {}],
    ["two things", { file: "a", request: ["GET", "/api"] }],
    ["a profile that there is not", { request: ["GET", "/api"], profile: "basline" }],
    ["two sets of guardrails", { request: ["GET", "/api"], profile: "baseline", guardrails: "g.yaml" }],
    ["a file that is not there", { request: ["POST", "/api"], body: "/nowhere/pod.yaml" }],
  ])("%s is wrong usage", async ([, options]) => {
    await expect(explainCommand([], { ...BARE, ...options })).rejects.toMatchObject({ exitCode: 2 });
  });
});
