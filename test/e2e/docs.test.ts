import { generateKeyPairSync } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { silentLog } from "../../base/log.ts";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { type Finished, type Running, start } from "../../cli/up/command.ts";
import { type Environment, openEnvironment } from "../../cli/up/environment.ts";
import { writeState } from "../../cli/up/state.ts";
import { HOST_PATH_POD, pendingApproval } from "../../cli/up/tour/held.ts";
import { signIn } from "../../identity/development/sign-in.ts";
import { freePort } from "../../tools/free-port.ts";
import { call, until } from "./harness.ts";

/**
 * The commands of docs/, run as they stand there. Only names that a reader would replace by their own are replaced:
 * the gateway's URL, the cluster's, an approval's name, a session's id.
 */
const root = resolve(import.meta.dirname, "../..");
const ran = new Set<string>();
let environment: Environment;
let folder: string;
let env: NodeJS.ProcessEnv;

function commandsOf(page: string): string[] {
  const blocks = [...readFileSync(join(root, "docs", page), "utf8").matchAll(/^```console\n([\s\S]*?)^```/gm)];
  const lines = blocks.flatMap((block) => (block[1] ?? "").split("\n"));
  return lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
}

/** Starts a line of the docs in the reader's shell; `names` are what the reader puts in place of the examples. */
function type(
  page: string,
  beginning: string,
  names: Record<string, string> = {},
  more: { input?: string; env?: object } = {},
): Running {
  const line = commandsOf(page).find((command) => command.startsWith(beginning));
  if (line === undefined) throw new Error(`docs/${page} has no command "${beginning}"`);
  ran.add(`${page}: ${line}`);
  let typed = line;
  for (const [example, own] of Object.entries(names)) typed = typed.replaceAll(example, own);
  return start("/bin/sh", ["-c", typed], {
    cwd: folder,
    env: { ...env, ...more.env },
    input: more.input ?? "",
  });
}

/** The decision that kubectl names in its last words; the store takes what is on the spool a moment later. */
async function recorded(stderr: string): Promise<string> {
  const decision = /Decision (\S+)\.$/m.exec(stderr.trim())?.[1] ?? "";
  expect(decision).not.toBe("");
  const world = { url: environment.gateway.url, caPem: readFileSync(environment.state.caFile, "utf8") };
  const token = readFileSync(join(environment.alice.home, "id.token"), "utf8").trim();
  await until(async () => (await call(world, "GET", `/v1alpha1/decisions/${decision}`, { token })).status === 200);
  return decision;
}

async function succeeds(running: Running): Promise<Finished> {
  const finished = await running.finished;
  expect(finished, finished.stderr).toMatchObject({ code: 0 });
  return finished;
}

beforeAll(async () => {
  // Built once for all test files: a build takes seconds.
  const rules = (await keptBundle([join(root, "rego")])).file;
  environment = await openEnvironment({ rules, listen: 0, approver: "approve", log: silentLog });
  folder = mkdtempSync(join(tmpdir(), "sallyport-docs-"));
  mkdirSync(join(folder, "bin"));
  const sallyport = join(folder, "bin", "sallyport");
  writeFileSync(sallyport, `#!/bin/sh\nexec "${process.execPath}" "${join(root, "cli/main.ts")}" "$@"\n`);
  chmodSync(sallyport, 0o755);
  symlinkSync(environment.cluster.kubectl, join(folder, "bin", "kubectl"));
  cpSync(join(root, "rego"), join(folder, "rego"), { recursive: true });
  env = {
    PATH: `${join(folder, "bin")}:${process.env.PATH}`,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, ".config"),
    KUBECONFIG: join(folder, "kubeconfig"),
    NODE_EXTRA_CA_CERTS: environment.state.caFile,
    SALLYPORT_CA_FILE: environment.state.caFile,
    SALLYPORT_CACHE: process.env.SALLYPORT_CACHE,
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "", ".cache"),
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    NO_COLOR: "1",
  };
});

afterAll(async () => {
  await environment?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe("docs/connect-an-agent.md", () => {
  test("login, kubeconfig, kubectl and doctor work in this order", async () => {
    const names = { "https://sallyport.example.com": environment.gateway.url, prod: "local" };
    const login = type("connect-an-agent.md", "sallyport login", names);
    const agent = environment.issuer.users.find(({ login: name }) => name === "agent");
    if (agent === undefined) throw new Error("the development issuer knows no agent");
    await signIn(await linkIn(login), agent);
    await succeeds(login);
    await succeeds(type("connect-an-agent.md", "sallyport kubeconfig", names));
    const pods = await succeeds(type("connect-an-agent.md", "kubectl get pods", names));
    expect(pods.stderr).toContain("No resources found");
    await succeeds(type("connect-an-agent.md", "sallyport doctor", names));
  });
});

async function linkIn(login: Running): Promise<string> {
  return until(() => /Open (\S+)/.exec(login.stderr())?.[1]);
}

describe("docs/write-a-guardrail.md and docs/guardrails.md", () => {
  const blocksOf = (page: string, language: string): string[] => {
    const blocks = readFileSync(join(root, "docs", page), "utf8").matchAll(
      new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"),
    );
    return [...blocks].map((block) => block[1] ?? "");
  };

  test("the rule of the docs, its test and its cases pass, beside the library", { timeout: 600_000 }, async () => {
    const [rule = "", ruleTest = ""] = blocksOf("guardrails.md", "rego");
    const [cases = ""] = blocksOf("write-a-guardrail.md", "yaml");
    const at = join(folder, "ours/company/team-label");
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "team-label.rego"), rule);
    writeFileSync(join(at, "team-label_test.rego"), ruleTest);
    mkdirSync(join(folder, "policy-tests/company"), { recursive: true });
    writeFileSync(join(folder, "policy-tests/company/team-label.yaml"), cases);
    cpSync(join(root, "guardrails.example.yaml"), join(folder, "guardrails.yaml"));
    await succeeds(type("write-a-guardrail.md", "sallyport policy check"));
    const tested = await succeeds(type("write-a-guardrail.md", "sallyport policy test"));
    expect(tested.stdout).toMatch(/^company\/team-label +3 +2 +100 %$/m);
    await succeeds(type("guardrails.md", "sallyport policy check ours"));
    await succeeds(type("guardrails.md", "sallyport policy test --threshold 100 ours"));
    await succeeds(type("write-a-guardrail.md", "sallyport policy docs"));
    expect(readFileSync(join(folder, "rules.md"), "utf8")).toContain("### company/team-label");
  });
});

describe("docs/approve.md", () => {
  const EXAMPLE = "3f9c0f1d2a4b5c6d-1";
  // There is nobody here to answer the question that a reader is asked.
  const NO_TERMINAL = { "--reason": "--yes --reason" };

  test("a held request is listed, shown, and approved", async () => {
    const kubectl = environment.agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("approved-by-the-docs") });
    const name = await pendingApproval(environment);
    const alice = { SALLYPORT_URL: environment.gateway.url, ...(await environment.alice.asApprover()).env };
    const listed = await succeeds(type("approve.md", "sallyport approvals list", {}, { env: alice }));
    expect(listed.stdout).toContain(name);
    const shown = await succeeds(type("approve.md", "sallyport approvals show", { [EXAMPLE]: name }, { env: alice }));
    expect(shown.stdout).toContain("workload/host-path");
    await succeeds(
      type("approve.md", "sallyport approvals approve", { [EXAMPLE]: name, ...NO_TERMINAL }, { env: alice }),
    );
    expect(await kubectl.finished).toMatchObject({ code: 0 });
  });

  test("a held request is denied, and the agent is told why", async () => {
    const kubectl = environment.agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("denied-by-the-docs") });
    const name = await pendingApproval(environment);
    const alice = { SALLYPORT_URL: environment.gateway.url, ...(await environment.alice.asApprover()).env };
    await succeeds(type("approve.md", "sallyport approvals deny", { [EXAMPLE]: name, ...NO_TERMINAL }, { env: alice }));
    expect((await kubectl.finished).stderr).toContain("use the log pipeline");
  });
});

describe("docs/approve.md, after the decision", () => {
  const EXAMPLE = "3f9c0f1d2a4b5c6d-1";
  const SESSION = "e1ddd7242cfbed3cc97488a7-e1aa07df0a796a8e";
  const NO_TERMINAL = { "--reason": "--yes --reason" };
  let alice: Record<string, string>;
  beforeAll(async () => {
    alice = { SALLYPORT_URL: environment.gateway.url, ...(await environment.alice.asApprover()).env };
  });

  test("the glass is broken, what was held goes through, and what must be reviewed is said", async () => {
    const kubectl = environment.agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("broken-by-the-docs") });
    const names = { [EXAMPLE]: await pendingApproval(environment), ...NO_TERMINAL };
    await succeeds(type("approve.md", "sallyport approvals break-glass", names, { env: alice }));
    expect(await kubectl.finished).toMatchObject({ code: 0 });
    await succeeds(type("approve.md", "sallyport approvals status", {}, { env: alice }));
  });

  test("an approval is taken back before it was used, and lifts nothing", async () => {
    const kubectl = environment.agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("revoked-by-the-docs") });
    const name = await pendingApproval(environment);
    kubectl.kill("SIGKILL");
    await kubectl.finished;
    const names = { [EXAMPLE]: name, ...NO_TERMINAL };
    await succeeds(type("approve.md", "sallyport approvals approve", names, { env: alice }));
    const revoked = await succeeds(type("approve.md", "sallyport approvals revoke", names, { env: alice }));
    expect(revoked.stdout).toContain("revoked");
  });

  test("a session is killed, and its token opens no other", async () => {
    const kubectl = environment.agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("killed-by-the-docs") });
    const name = await pendingApproval(environment);
    const shown = await succeeds(type("approve.md", "sallyport approvals show", { [EXAMPLE]: name }, { env: alice }));
    const session = /^session +(\S+)$/m.exec(shown.stdout)?.[1] ?? "";
    await succeeds(type("approve.md", "sallyport sessions kill", { [SESSION]: session }, { env: alice }));
    expect((await kubectl.finished).code).not.toBe(0);
    expect((await environment.agent.kubectl(["get", "pods"]).finished).stderr).toContain("the session was ended");
    await environment.agent.logIn();
    // As `sallyport login` does: what was killed is not offered again.
    rmSync(join(environment.agent.home, ".config", "sallyport", "sessions"), { recursive: true });
    expect((await environment.agent.kubectl(["get", "pods"]).finished).code).toBe(0);
  });
});

describe("docs/standing-exceptions.md", () => {
  const PAGE = "standing-exceptions.md";

  test("an exception is written from a decision, checked, tried, applied, looked after and taken back", async () => {
    const refused = environment.agent.kubectl(["create", "clusterrolebinding", "y", "--clusterrole=view", "--user=y"]);
    const decision = await recorded((await refused.finished).stderr);
    const auditor = {
      SALLYPORT_URL: environment.gateway.url,
      SALLYPORT_CONNECTION: "local",
      SALLYPORT_ID_TOKEN_FILE: join(environment.alice.home, "id.token"),
    };
    const alice = { ...auditor, ...(await environment.alice.asApprover()).env };
    const names = {
      "01a202fc-dcfa-79f1-b229-089b904a87b8": decision,
      "user:corp:alice@example.com": "user:dev:bob@example.com",
      "sallyport.yaml": environment.state.configFile,
    };
    await succeeds(type(PAGE, "sallyport exceptions new", names, { env: auditor }));
    expect(readFileSync(join(folder, "log-collector.yaml"), "utf8")).toContain("rbac/cluster-role-binding");
    await succeeds(type(PAGE, "sallyport exceptions check", names));
    const tried = await succeeds(type(PAGE, "sallyport exceptions backtest", {}, { env: auditor }));
    expect(tried.stdout).toContain("log-collector");
    const yes = { "--reason": "--yes --reason" };
    await succeeds(type(PAGE, "sallyport exceptions apply", yes, { env: alice }));
    const listed = await succeeds(type(PAGE, "sallyport exceptions list", {}, { env: alice }));
    expect(listed.stdout).toContain("log-collector");
    await succeeds(type(PAGE, "sallyport exceptions report", {}, { env: auditor }));
    await succeeds(type(PAGE, "sallyport exceptions revoke", {}, { env: alice }));
  });
});

describe("docs/answer-an-auditor.md", () => {
  test("an auditor asks for operations, sessions and decisions", async () => {
    const auditor = {
      SALLYPORT_URL: environment.gateway.url,
      SALLYPORT_CONNECTION: "local",
      SALLYPORT_ID_TOKEN_FILE: join(environment.alice.home, "id.token"),
    };
    const blocked = await environment.agent.kubectl([
      "create",
      "clusterrolebinding",
      "x",
      "--clusterrole=view",
      "--user=y",
    ]).finished;
    const decision = await recorded(blocked.stderr);
    const more = { env: auditor };
    const query = await succeeds(type("answer-an-auditor.md", "sallyport audit query", {}, more));
    await succeeds(type("answer-an-auditor.md", "sallyport audit query masked-fields", {}, more));
    await succeeds(type("answer-an-auditor.md", "sallyport audit query equal-values", {}, more));
    expect(query.stdout).toContain("outcome: blocked");
    const list = await succeeds(type("answer-an-auditor.md", "sallyport sessions list", {}, more));
    const id = /\b[0-9a-f]{24}-[0-9a-f]{16}\b/.exec(list.stdout)?.[0] ?? "";
    const names = { "e1ddd7242cfbed3cc97488a7-e1aa07df0a796a8e": id, "01a202fc-dcfa-79f1-b229-089b904a87b8": decision };
    await succeeds(type("answer-an-auditor.md", "sallyport sessions show", names, more));
    await succeeds(type("answer-an-auditor.md", "sallyport sessions replay", names, more));
    const shown = await succeeds(type("answer-an-auditor.md", "sallyport decisions show", names, more));
    expect(shown.stdout).toContain("rbac/cluster-role-binding");
  });

  test("a session and a day are handed over as packs that verify, and as what other tools read", async () => {
    const page = "answer-an-auditor.md";
    const more = {
      env: {
        SALLYPORT_URL: environment.gateway.url,
        SALLYPORT_CONNECTION: "local",
        SALLYPORT_ID_TOKEN_FILE: join(environment.alice.home, "id.token"),
      },
    };
    const list = await succeeds(type(page, "sallyport sessions list", {}, more));
    const session = /\b[0-9a-f]{24}-[0-9a-f]{16}\b/.exec(list.stdout)?.[0] ?? "";
    const names = { "e1ddd7242cfbed3cc97488a7-e1aa07df0a796a8e": session };
    const key = { "checkpoint.pub": join(environment.state.directory, "checkpoint.pem") };
    await succeeds(type(page, "sallyport sessions export", names, more));
    await succeeds(type(page, "sallyport audit export", {}, more));
    for (const pack of ["session", "day"]) {
      const verified = await succeeds(type(page, `sallyport audit verify ${pack}.zip`, key));
      expect(verified.stdout).toContain("the record is whole");
    }
    await succeeds(type(page, "sallyport audit export --since 24h --format parquet", {}, more));
    await succeeds(type(page, "sallyport audit export --since 24h --format k8s-audit", {}, more));
    const lines = readFileSync(join(folder, "day.audit.ndjson"), "utf8").trim().split("\n");
    const asked = lines
      .map((line) => JSON.parse(line))
      .filter(({ objectRef }) => objectRef?.resource === "clusterrolebindings");
    expect(asked).toContainEqual(expect.objectContaining({ verb: "create", responseStatus: expect.anything() }));
  });
});

describe("docs/dashboards.md", () => {
  test("an auditor lists the questions, asks some with parameters, and asks in SQL", async () => {
    const auditor = {
      SALLYPORT_URL: environment.gateway.url,
      SALLYPORT_CONNECTION: "local",
      SALLYPORT_ID_TOKEN_FILE: join(environment.alice.home, "id.token"),
    };
    const page = "dashboards.md";
    const names = { "corp:agent-alice@example.com": environment.agentUser };
    const ask = (line: string): Promise<Finished> => succeeds(type(page, line, names, { env: auditor }));
    await environment.agent.kubectl(["get", "pods"]).finished;
    const blocked = environment.agent.kubectl(["create", "clusterrolebinding", "q", "--clusterrole=view", "--user=q"]);
    await recorded((await blocked.finished).stderr);
    const all = commandsOf(page);
    expect(all.filter((line) => line === "sallyport audit query")).toHaveLength(1);
    expect((await ask("sallyport audit query")).stdout).toContain("session-activity");
    expect((await ask("sallyport audit query privileged-operations --since")).stdout).toContain("outcome: blocked");
    await ask("sallyport audit query privileged-operations --param");
    expect((await ask("sallyport audit query blocked-attempts")).stdout).toContain("rule: rbac/cluster-role-binding");
    expect((await ask("sallyport audit query --sql")).stdout).toContain(`username: ${environment.agentUser}`);
  });
});

describe("docs/dialogue.md", () => {
  test("an auditor asks which prompt led to a request, what it changed, and which changed a file", async () => {
    const auditor = {
      SALLYPORT_URL: environment.gateway.url,
      SALLYPORT_CONNECTION: "local",
      SALLYPORT_ID_TOKEN_FILE: join(environment.alice.home, "id.token"),
    };
    const page = "dialogue.md";
    await environment.agent.kubectl(["get", "pods"]).finished;
    let session: string | undefined;
    while (session === undefined) {
      const list = await succeeds(type("answer-an-auditor.md", "sallyport sessions list", {}, { env: auditor }));
      session = /\b[0-9a-f]{24}-[0-9a-f]{16}\b/.exec(list.stdout)?.[0];
    }
    const names = { "e1ddd7242cfbed3cc97488a7-e1aa07df0a796a8e": session };
    // Nobody asked a model here: what they answer where somebody did is test/model's to show.
    const all = commandsOf(page).map((line) => succeeds(type(page, line, names, { env: auditor })));
    expect(await Promise.all(all)).toHaveLength(8);
  });
});

describe("docs/deploy.md", () => {
  test("a connection's account is printed, applied and checked, and then served until SIGTERM", async () => {
    const { cluster, issuer } = environment;
    // In a namespace of its own, beside the account of the gateway that runs here already.
    const names = { prod: "prod --namespace docs", "https://10.0.0.1:6443": cluster.server, "ca.crt": cluster.caFile };
    const stanza = { ...names, "> connection.yaml": "--output json > connection.json" };
    await succeeds(type("deploy.md", "sallyport connection add", stanza));
    await succeeds(type("deploy.md", "sallyport connection add", names));
    ran.add("deploy.md: kubectl apply -f connection.yaml");
    expect(await cluster.admin(["apply", "-f", join(folder, "connection.yaml")])).toMatchObject({ code: 0 });

    const ports = { listen: await freePort(), admin: await freePort() };
    const other = await writeState({
      directory: join(folder, "served"),
      rules: join(root, "rego"),
      issuer,
      ports,
      cluster,
    });
    const { connection } = JSON.parse(readFileSync(join(folder, "connection.json"), "utf8"));
    writeFileSync(
      other.configFile,
      stringify({ ...parse(readFileSync(other.configFile, "utf8")), connections: [connection] }),
    );
    const token = await cluster.admin(["create", "token", "sallyport-gateway", "--namespace", "docs"]);
    writeFileSync(join(other.directory, "prod.token"), token.stdout.trim());
    const config = { "sallyport.yaml": other.configFile };
    await succeeds(type("deploy.md", "sallyport connection check", config));
    await succeeds(type("deploy.md", "sallyport serve --config sallyport.yaml --check", config));

    const line = "sallyport serve --config sallyport.yaml";
    expect(commandsOf("deploy.md")).toContain(line);
    ran.add(`deploy.md: ${line}`);
    const args = [join(root, "cli/main.ts"), ...line.split(" ").slice(1, -1), other.configFile];
    const serving = start(process.execPath, args, { env });
    await until(() => serving.stderr().includes('"serving"'));
    expect((await fetch(`http://127.0.0.1:${ports.admin}/readyz`)).status).toBe(200);
    expect(await (await fetch(`http://127.0.0.1:${ports.admin}/metrics`)).text()).toContain("sallyport_policy_info");
    serving.kill("SIGTERM");
    expect(await serving.finished).toMatchObject({ code: 0 });
    await succeeds(type("deploy.md", "sallyport policy rollback", config));
  });

  test("a bundle is built, signed and verified, and the gateway says which policy is in force", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(join(folder, "bundle.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
    writeFileSync(join(folder, "bundle.pub"), publicKey.export({ type: "spki", format: "pem" }));
    await succeeds(type("deploy.md", "sallyport policy build"));
    expect((await succeeds(type("deploy.md", "sallyport policy verify"))).stdout).toContain("byte for byte");
    const reader = {
      SALLYPORT_URL: environment.gateway.url,
      SALLYPORT_CONNECTION: "local",
      SALLYPORT_ID_TOKEN_FILE: join(environment.alice.home, "id.token"),
    };
    expect((await succeeds(type("deploy.md", "sallyport policy status", {}, { env: reader }))).stdout).toMatch(
      /^revision [0-9a-f]{16}\/[0-9a-f]{16}/,
    );
    const nothing = await succeeds(type("deploy.md", "sallyport policy shadow", {}, { env: reader }));
    expect(nothing.stdout).toContain("No such candidate was asked");
  });
});

// Last, since it needs the store for itself.
describe("docs/answer-an-auditor.md, with the gateway stopped", () => {
  test("the record and the API server's own log agree", async () => {
    await environment.gateway.close();
    const names = {
      "sallyport.yaml": environment.state.configFile,
      "audit.log": environment.cluster.auditLogFile ?? "",
    };
    await succeeds(type("answer-an-auditor.md", "sallyport audit reconcile", names));
  });

  test("what was exported as forwarded is in the API server's own log, under the same audit id", () => {
    const idsIn = (file: string): { auditID: string; annotations?: Record<string, string> }[] =>
      readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    const theirs = new Set(idsIn(environment.cluster.auditLogFile ?? "").map(({ auditID }) => auditID));
    const ours = idsIn(join(folder, "day.audit.ndjson"));
    const forwarded = ours.filter(({ annotations }) => annotations?.["sallyport.dev/forwarded"] === "true");
    expect(forwarded.length).toBeGreaterThan(0);
    expect(forwarded.filter(({ auditID }) => !theirs.has(auditID))).toEqual([]);
    expect(ours.filter(({ auditID }) => !theirs.has(auditID)).length).toBe(ours.length - forwarded.length);
  });

  test("each command of docs/ was run", () => {
    const pages = [
      "connect-an-agent.md",
      "write-a-guardrail.md",
      "guardrails.md",
      "approve.md",
      "standing-exceptions.md",
      "answer-an-auditor.md",
      "dashboards.md",
      "dialogue.md",
      "deploy.md",
    ];
    const all = pages.flatMap((page) => commandsOf(page).map((line) => `${page}: ${line}`));
    expect(all.filter((line) => !ran.has(line))).toEqual([]);
  });
});
