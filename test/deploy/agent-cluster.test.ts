import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { type Finished, start } from "../../cli/up/command.ts";
import { type ControlPlane, startControlPlane } from "../../tools/control-plane/start.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { sallyport } from "../cli/run.ts";

const root = resolve(import.meta.dirname, "../..");
const ALL = process.env.SALLYPORT_TEST_ALL === "1";
const NAMESPACE = "sallyport-agents";

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: Record<string, unknown>;
  [key: string]: unknown;
}

async function kubectl(args: string[], input = "", env: Record<string, string> = {}): Promise<Finished> {
  const file = await ensureTool("kubectl");
  return start(file, args, { cwd: root, env: { ...process.env, ...env }, input, timeoutMs: 60_000 }).finished;
}

describe("the manifests of deploy/agent", () => {
  let manifests: Manifest[];
  beforeAll(async () => {
    const { stdout, stderr, code } = await kubectl(["kustomize", "deploy/agent"]);
    expect([code, stderr]).toEqual([0, ""]);
    manifests = parseAllDocuments(stdout).map((document) => document.toJS());
  });

  const PATHS: Record<string, string> = {
    Namespace: "/api/v1/namespaces",
    ServiceAccount: `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`,
    ConfigMap: `/api/v1/namespaces/${NAMESPACE}/configmaps`,
    Deployment: `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`,
    NetworkPolicy: `/apis/networking.k8s.io/v1/namespaces/${NAMESPACE}/networkpolicies`,
  };

  test("break no rule of Pod Security restricted, and cannot be changed by an agent through the gateway", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sallyport-agent-"));
    const guardrails = join(folder, "guardrails.yaml");
    const header = "apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\n";
    const approval = '{approvers: ["group:corp:oncall"]}';
    writeFileSync(
      guardrails,
      `${header}profiles: [baseline, pod-security/restricted]\ndefaults: {approval: ${approval}}\n`,
    );
    const lines = manifests.map((body) =>
      JSON.stringify({ id: body.kind, method: "POST", path: PATHS[body.kind], body }),
    );
    const args = [join(root, "cli/main.ts"), "policy", "explain", "--batch", "--guardrails", guardrails];
    const input = `${lines.join("\n")}\n`;
    const ran = await start(process.execPath, args, { input, env: process.env, timeoutMs: 60_000 }).finished;
    rmSync(folder, { recursive: true });
    const answers = ran.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const found = Object.fromEntries(
      answers.map(({ id, effect, findings }) => [id, [effect, ...findings.map(({ rule }: { rule: string }) => rule)]]),
    );
    const refused = ["deny", "tenancy/gateway-namespace"];
    const inside = { ServiceAccount: refused, ConfigMap: refused, Deployment: refused, NetworkPolicy: refused };
    expect(found).toEqual({ Namespace: ["allow"], ...inside });
  });

  test("let an agent out to the gateway and to the cluster's DNS, and nobody in", () => {
    const spec = manifests.find(({ kind }) => kind === "NetworkPolicy")?.spec as {
      podSelector: object;
      policyTypes: string[];
      ingress: object[];
      egress: { to: { namespaceSelector: object; podSelector: object }[]; ports: { port: number }[] }[];
    };
    expect(spec).toMatchObject({ podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [] });
    // An entry without `to`, a peer without both selectors, or a rule without ports would let out to more.
    expect(
      spec.egress.map(({ to, ports }) => [to.map((peer) => Object.keys(peer)), ports.map(({ port }) => port)]),
    ).toEqual([
      [[["namespaceSelector", "podSelector"]], [8443]],
      [[["namespaceSelector", "podSelector"]], [53, 53]],
    ]);
  });
});

/** A real API server with a controller manager; no node, so that what is admitted waits to be scheduled. */
describe.each(ALL ? ["a real API server"] : [])("%s", () => {
  let plane: ControlPlane;
  let env: Record<string, string>;
  const admin = (args: string[], input?: string): Promise<Finished> => kubectl(args, input, env);
  const typed = (beginning: string): string[] => {
    const docs = readFileSync(join(root, "docs/contain-an-agent.md"), "utf8").split("\n");
    const line = docs.find((each) => each.startsWith(`$ ${beginning}`));
    if (line === undefined) throw new Error(`the docs have no command "${beginning}"`);
    return line.split(" ").slice(2);
  };

  beforeAll(async () => {
    plane = await startControlPlane();
    env = { KUBECONFIG: plane.adminKubeconfig };
    expect(await admin(typed("kubectl apply -k"))).toMatchObject({ code: 0, stderr: "" });
  }, 120_000);
  afterAll(() => plane?.stop());

  test("admits the agent's pod under restricted Pod Security, without a token of the cluster", async () => {
    const listed = await until(
      () => admin(["get", "pods", "--namespace", NAMESPACE, "--output", "yaml"]),
      ({ stdout }) => parse(stdout).items.length === 1,
    );
    const [pod] = parse(listed.stdout).items;
    const volumes = pod.spec.volumes as { name: string; projected?: { sources: object[] } }[];
    expect(volumes.flatMap(({ projected }) => projected?.sources ?? [])).toEqual([
      { serviceAccountToken: { audience: "sallyport", expirationSeconds: 3600, path: "token" } },
    ]);
    const shown = await admin(typed("kubectl get pods,networkpolicies"));
    expect(shown.stdout).toMatch(/pod\/agent-.*Pending[\s\S]*networkpolicy\.networking\.k8s\.io\/only-the-gateway/);
  });

  test("refuses a pod in the agents' namespace that is less than restricted", async () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "x", namespace: NAMESPACE },
      spec: { containers: [{ name: "x", image: "x", securityContext: { privileged: true } }] },
    };
    const refused = await admin(["create", "-f", "-"], JSON.stringify(pod));
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('violates PodSecurity "restricted:latest"'),
    });
  });

  test("refuses the token that the agent shows to the gateway, and doctor tells it from one that the cluster takes", async () => {
    const create = ["create", "token", "agent", "--namespace", NAMESPACE];
    const own = (await admin([...create, "--audience", "sallyport"])).stdout.trim();
    const cluster = (await admin(create)).stdout.trim();
    const asks = async (token: string): Promise<Finished> => {
      const kubeconfig = [
        "--kubeconfig",
        "/dev/null",
        "--server",
        plane.server,
        "--certificate-authority",
        plane.caFile,
      ];
      return kubectl([...kubeconfig, "--token", token, "auth", "whoami"]);
    };
    expect(await asks(own)).toMatchObject({ code: 1, stderr: expect.stringContaining("Unauthorized") });
    expect(await asks(cluster)).toMatchObject({ code: 0, stdout: expect.stringContaining(`${NAMESPACE}:agent`) });
    for (const [token, leaks] of [
      [own, 0],
      [cluster, 1],
    ] as const) {
      const file = join(plane.directory, "id.token");
      writeFileSync(file, token);
      const ran = await sallyport(["doctor", "--no-contained", "--root", plane.directory, "--output", "json"], {
        HOME: "/nowhere",
        SALLYPORT_URL: "https://127.0.0.1:1",
        SALLYPORT_ID_TOKEN_FILE: file,
      });
      const checks = JSON.parse(ran.stdout).checks as { what: string; detail: string }[];
      expect(checks.filter(({ what, detail }) => what === "mounted tokens" && /its issuer/.test(detail))).toHaveLength(
        leaks,
      );
    }
  });
});

async function until(look: () => Promise<Finished>, isThere: (found: Finished) => boolean): Promise<Finished> {
  for (let attempt = 0; ; attempt++) {
    const found = await look();
    if (isThere(found) || attempt === 100) return found;
    await new Promise((done) => setTimeout(done, 200));
  }
}
