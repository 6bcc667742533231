import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { type ControlPlane, startControlPlane } from "../../tools/control-plane/start.ts";
import { sallyport } from "./run.ts";

const run = promisify(execFile);
let folder = "";
let plane: ControlPlane;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-connection-"));
  plane = await startControlPlane();
  copyFileSync(plane.caFile, join(folder, "ca.crt"));
}, 90_000);
afterAll(async () => {
  await plane?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const kubectl = async (args: string[], input?: string): Promise<string> => {
  const child = run(plane.kubectl, ["--kubeconfig", plane.adminKubeconfig, ...args]);
  child.child.stdin?.end(input ?? "");
  return (await child).stdout;
};

/** `connection add` as a person would use it: applied as printed, a token made as it says, its stanza in sallyport.yaml. */
async function added(
  name: string,
  options: string[],
): Promise<{
  config: string;
  json: {
    manifests: { kind: string; rules?: { resources: string[] }[]; metadata: { name: string; namespace?: string } }[];
  };
}> {
  const args = [
    "connection",
    "add",
    name,
    "--server",
    plane.server,
    "--ca-file",
    "ca.crt",
    "--namespace",
    name,
    "--service-account",
    `${name}-gateway`,
    ...options,
  ];
  const text = await sallyport(args);
  expect(text).toMatchObject({ code: 0, stderr: "" });
  await kubectl(["apply", "-f", "-"], text.stdout);
  const command = /^# {3}kubectl (create token .*) > (\S+)$/m.exec(text.stdout);
  writeFileSync(join(folder, command?.[2] ?? ""), await kubectl(command?.[1]?.split(" ") ?? []));
  const json = JSON.parse((await sallyport([...args, "--output", "json"])).stdout);
  const config = join(folder, `${name}.yaml`);
  const stanza =
    text.stdout
      .split("and add to sallyport.yaml:\n")[1]
      ?.split("# then:")[0]
      ?.replace(/^# {3}/gm, "") ?? "";
  expect(parse(stanza)).toEqual({ connections: [json.connection] });
  writeFileSync(config, stringify({ ...GATEWAY, connections: [json.connection] }));
  return { config, json };
}

const GATEWAY = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Gateway",
  listen: { address: "127.0.0.1:8443", url: "https://localhost:8443", certFile: "a", keyFile: "b" },
  keys: { sessionFile: "s", hmacFile: "h", mergeFile: "m" },
  issuers: [
    {
      name: "corp",
      issuer: "https://idp.example.com",
      audiences: ["sallyport"],
      prefix: { username: "corp:", groups: "corp:" },
    },
  ],
  policy: { bundle: "b", guardrails: "g", verify: false },
  approvals: { home: "embedded", path: "e" },
  audit: { spool: { path: "s" }, store: { embedded: "c" } },
};

const check = async (config: string) => {
  const { code, stdout, stderr } = await sallyport(["connection", "check", "--config", config, "--output", "json"]);
  const findings: { result: string; what: string; detail?: string }[] =
    JSON.parse(stdout || "{}").connections?.[0]?.findings ?? [];
  const of = (result: string) => findings.filter((f) => f.result === result).map((f) => f.what);
  return { code, stderr, findings, ok: of("ok"), warn: of("warn"), missing: of("missing"), failed: of("failed") };
};

describe("what connection add prints", () => {
  test("is one YAML stream that names nothing but what it needs", async () => {
    const { stdout } = await sallyport(["connection", "add", "prod", "--server", "https://10.0.0.1:6443"]);
    const kinds = parseAllDocuments(stdout).map((document) => document.get("kind"));
    expect(kinds.filter((kind) => kind !== undefined && kind !== null)).toEqual([
      "Namespace",
      "ServiceAccount",
      "ClusterRole",
      "ClusterRoleBinding",
      "ClusterRole",
      "ClusterRoleBinding",
    ]);
    expect(stdout).not.toMatch(/- "\*"|watch/);
    // Of cluster roles, which an aggregated one collects by their labels; never of Secrets.
    expect(stdout.match(/^ +- .*list$/gm)).toHaveLength(1);
  });

  const wrong: [what: string, args: string[], says: RegExp][] = [
    ["an http server", ["prod", "--server", "http://10.0.0.1"], /https/],
    ["a name that is no label", ["Prod", "--server", "https://10.0.0.1"], /DNS label/],
    [
      "a group of the cluster's own",
      ["prod", "--server", "https://10.0.0.1", "--group", "system:masters"],
      /cluster's own/,
    ],
    [
      "ten days of token",
      ["prod", "--server", "https://10.0.0.1", "--token-request", "a/b", "--seconds", "864000"],
      /600 to 3600/,
    ],
    [
      "a token request without a namespace",
      ["prod", "--server", "https://10.0.0.1", "--token-request", "b"],
      /NAMESPACE\/NAME/,
    ],
  ];
  test.each(wrong)("is nothing for %s, exit 2", async (_what, args, says) => {
    expect(await sallyport(["connection", "add", ...args])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(says),
    });
  });
});

describe("connection check, on what connection add printed", () => {
  test("passes, and warns that any group can be impersonated", async () => {
    const { config } = await added("any", []);
    const checked = await check(config);
    expect(checked).toMatchObject({ code: 0, stderr: "", missing: [], failed: [] });
    expect(checked.warn).toEqual(["impersonate group system:masters"]);
    expect(checked.findings.find((f) => f.what === "credential")?.detail).toContain(
      "system:serviceaccount:any:any-gateway",
    );
  });

  test("passes without a warning where the groups are named, and says which", async () => {
    const { config } = await added("named", ["--group", "corp:devs", "--group", "corp:ops", "--extra-key", "scopes"]);
    const checked = await check(config);
    expect(checked).toMatchObject({ code: 0, warn: [], missing: [] });
    expect(checked.findings.find((f) => f.what === "impersonate groups")?.detail).toBe("only corp:devs, corp:ops");
  });

  test("passes for tokens minted for each session, and leaves no Secret behind", async () => {
    const { config } = await added("minted", ["--token-request", "minted-agents/session", "--group", "corp:devs"]);
    const checked = await check(config);
    expect(checked).toMatchObject({ code: 0, warn: [], missing: [], failed: [] });
    expect(checked.ok).toContain("create serviceaccounts/token of session in minted-agents");
    expect(await kubectl(["get", "secrets", "-n", "minted-agents", "-o", "name"])).toBe("");
  });

  test("fails naming each rule that was taken away", async () => {
    const { config, json } = await added("least", ["--token-request", "least-agents/session"]);
    const GATHER = "sallyport:least:least-gateway:gather";
    const IMPERSONATE = "sallyport:least-agents:session:impersonate";
    const takings: [role: string, resource: string, says: string][] = [
      [GATHER, "namespaces", "get namespaces"],
      [GATHER, "apiservices", "get apiservices"],
      [IMPERSONATE, "users", "impersonate users"],
      [IMPERSONATE, "uids", "impersonate uids"],
      ["least-gateway-tokens", "serviceaccounts/token", "create serviceaccounts/token of session in least-agents"],
    ];
    const tried = process.env.SALLYPORT_TEST_ALL === "1" ? takings : takings.filter((_, i) => i % 2 === 0);
    for (const [role, resource, says] of tried) {
      const whole = json.manifests.find((m) => m.metadata.name === role && m.rules !== undefined);
      const rules = whole?.rules?.filter((rule) => !rule.resources.includes(resource));
      await kubectl(["apply", "-f", "-"], stringify({ ...whole, rules }));
      expect(await check(config)).toMatchObject({ code: 1, missing: [says] });
      await kubectl(["apply", "-f", "-"], stringify(whole));
    }
  }, 60_000);

  test("warns where a session's token cannot be bound to a Secret", async () => {
    const { config, json } = await added("unbound", [
      "--token-request",
      "unbound-agents/session",
      "--group",
      "corp:devs",
    ]);
    const role = json.manifests.find((m) => m.metadata.name === "unbound-gateway-tokens" && m.rules !== undefined);
    await kubectl(["apply", "-f", "-"], stringify({ ...role, rules: role?.rules?.slice(0, 1) }));
    expect(await check(config)).toMatchObject({
      code: 0,
      warn: [
        "create secrets in unbound-agents",
        "delete secrets in unbound-agents",
        "deletecollection secrets in unbound-agents",
      ],
    });
  });

  test("warns where the gateway may not get Secrets, which Roles may grant it instead", async () => {
    const { config, json } = await added("blind", ["--group", "corp:devs"]);
    const role = json.manifests.find((m) => m.metadata.name === "sallyport:blind:blind-gateway:gather" && m.rules);
    const rules = role?.rules?.filter((rule) => !rule.resources.includes("secrets"));
    await kubectl(["apply", "-f", "-"], stringify({ ...role, rules }));
    expect(await check(config)).toMatchObject({ code: 0, warn: ["get secrets"], missing: [] });
  });

  test("warns of a cluster-admin", async () => {
    const { config } = await added("admin", ["--group", "corp:devs"]);
    await kubectl([
      "create",
      "clusterrolebinding",
      "too-much",
      "--clusterrole",
      "cluster-admin",
      "--serviceaccount",
      "admin:admin-gateway",
    ]);
    expect(await check(config)).toMatchObject({
      code: 0,
      warn: ["cluster-admin", "list secrets", "create pods", "impersonate group system:masters"],
    });
  });

  const connection = (change: object) => ({
    name: "x",
    kind: "kubernetes",
    server: plane.server,
    caFile: "ca.crt",
    credential: { tokenFile: "x.token" },
    ...change,
  });
  const broken: [what: string, change: () => object, token: () => string, failed: RegExp][] = [
    [
      "a port where nobody listens",
      () => ({ server: "https://127.0.0.1:1" }),
      () => plane.adminToken,
      /^connect to 127\.0\.0\.1:1$/,
    ],
    [
      "an authority that did not sign the server's certificate",
      () => ({ caFile: undefined }),
      () => plane.adminToken,
      /^TLS to/,
    ],
    ["a token that the API server does not know", () => ({}), () => "nobody", /^credential$/],
  ];
  test.each(broken)("fails for %s", async (_what, change, token, failed) => {
    writeFileSync(join(folder, "x.token"), token());
    const config = join(folder, "x.yaml");
    writeFileSync(config, stringify({ ...GATEWAY, connections: [connection(change())] }));
    const checked = await check(config);
    expect([checked.code, checked.failed]).toEqual([1, [expect.stringMatching(failed)]]);
    expect(JSON.stringify(checked)).not.toContain(token());
  });
});
