import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fetch } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { Check } from "../../cli/doctor/check.ts";
import { examineLeaks } from "../../cli/doctor/leaks.ts";
import type { Scene } from "../../cli/doctor/scene.ts";
import { unverifiedClaims } from "../../cli/doctor/tokens.ts";
import { SPARE_MS } from "../../cli/session.ts";
import { start } from "../../cli/up/command.ts";
import { sallyport } from "../cli/run.ts";
import { type ModelRig, startModelRig } from "../model/rig.ts";
import { cleanFiles, HOME, type LeakCase, leakCases, NODE_IP, SECRET } from "./agent-leaks.ts";

const root = resolve(import.meta.dirname, "../..");
const ALL = process.env.SALLYPORT_TEST_ALL === "1";
const GATEWAY = "https://sallyport.example.com";
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const MANAGED = read("deploy/agent/managed-settings.json");

let rig: ModelRig;
let folder: string;
let env: Record<string, string>;
let loopback: Server;
let port: number;
beforeAll(async () => {
  rig = await startModelRig();
  folder = mkdtempSync(join(tmpdir(), "sallyport-agent-"));
  const idToken = join(folder, "id.token");
  writeFileSync(idToken, await rig.token("agent"));
  env = {
    HOME,
    NODE_IP,
    PATH: "/usr/bin:/bin",
    XDG_CONFIG_HOME: join(folder, "config"),
    SALLYPORT_URL: rig.gateway.url,
    SALLYPORT_CONNECTION: "prod",
    SALLYPORT_CA_FILE: rig.caFile,
    SALLYPORT_ID_TOKEN_FILE: idToken,
    SALLYPORT_CONTAINED: "1",
  };
  // Takes connections, and as a proxy opens what it is asked for.
  loopback = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
  });
  await new Promise<void>((listening) => loopback.listen(0, "127.0.0.1", listening));
  port = (loopback.address() as { port: number }).port;
}, 120_000);
afterAll(async () => {
  loopback?.close();
  await rig?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** The file system of a container: the clean one's, and what is laid over it. */
function container(gateway: string, cwd: string, { files = {}, modes = {} }: Partial<LeakCase>): string {
  const at = mkdtempSync(join(folder, "root-"));
  const managed = { "/etc/claude-code/managed-settings.json": MANAGED.replaceAll(GATEWAY, gateway) };
  for (const [path, content] of Object.entries({ ...cleanFiles(gateway), ...managed, ...files })) {
    const file = join(at, isAbsolute(path) ? path : join(cwd, path));
    mkdirSync(dirname(file), { recursive: true });
    const isKubeconfig = typeof content === "object" && "clusters" in content;
    writeFileSync(
      file,
      isKubeconfig ? stringify(content) : typeof content === "string" ? content : JSON.stringify(content),
    );
  }
  for (const [path, mode] of Object.entries(modes)) chmodSync(join(at, path), mode);
  return at;
}

/** A line of docs/contain-an-agent.md in a process with an environment of its own, and a world that is all on loopback. */
async function doctor(
  line: string,
  one: Pick<LeakCase, "env" | "files" | "modes" | "open">,
): Promise<{ code: number | null; checks: Check[]; text: string }> {
  expect(read("docs/contain-an-agent.md")).toContain(`\n$ ${line}\n`);
  const at = container(rig.gateway.url, process.cwd(), one);
  // Where the docs are in a container, these tests are on the machine that they run on.
  const typed = (line.includes("--root") ? line.replace("./image", at) : `${line} --root ${at}`).split(" ").slice(1);
  const world = Object.fromEntries((one.open ?? []).map((address) => [address.replace(/[[\]]/g, ""), port]));
  const { code, stdout, stderr } = await sallyport([...typed, "--output", "json"], {
    ...env,
    ...one.env,
    AGENT_WORLD: JSON.stringify(world),
    NODE_OPTIONS: `--import=${join(import.meta.dirname, "agent-world.mjs")}`,
  });
  return { code, checks: JSON.parse(stdout).checks, text: stdout + stderr };
}

const finds = (checks: Check[], { finds: { what, detail, result } }: LeakCase): boolean =>
  checks.some((check) => check.what === what && check.result === (result ?? "failed") && detail.test(check.detail));

test("doctor passes in a container that leaks nothing, and says of each way round that it is closed", async () => {
  const { code, checks } = await doctor("sallyport doctor", {});
  expect(checks.filter(({ result }) => result !== "ok")).toEqual([]);
  expect(code).toBe(0);
  expect(checks.map(({ what }) => what)).toEqual([
    "node",
    "configuration",
    "gateway",
    "clock",
    "SALLYPORT_ID_TOKEN_FILE",
    "session",
    "kubeconfig",
    "mounted tokens",
    "other clusters",
    "variables",
    "stored logins",
    "managed settings",
    "settings files",
    "container runtime",
    "privileges",
    "proxies",
    "Kubernetes API, directly",
    "model providers, directly",
    "internet, directly",
    "cloud metadata",
    "kubelet",
  ]);
});

test("no command is in the docs but those that these tests run", () => {
  const lines = [...read("docs/contain-an-agent.md").matchAll(/^\$ (.*)$/gm)].map(([, line]) => line);
  expect(lines).toEqual([
    // Both in agent-cluster.test.ts.
    "kubectl apply -k deploy/agent",
    "kubectl get pods,networkpolicies --namespace sallyport-agents",
    "sallyport doctor",
    "sallyport doctor --contained --root ./image",
  ]);
});

/** The cases of which no two write the same file or variable, in as few containers as that takes. */
function together(cases: LeakCase[]): LeakCase[][] {
  const containers: { taken: Set<string>; cases: LeakCase[] }[] = [];
  for (const one of cases) {
    const files = Object.keys({ ...one.files, ...one.modes }).map((path) =>
      path.startsWith("/etc/claude-code") ? "managed" : path,
    );
    const keys = [...Object.keys(one.env ?? {}), ...files];
    const free = containers.find(({ taken }) => keys.every((key) => !taken.has(key)));
    if (free === undefined) containers.push({ taken: new Set(keys), cases: [one] });
    else {
      free.cases.push(one);
      for (const key of keys) free.taken.add(key);
    }
  }
  return containers.map((each) => each.cases);
}

test("doctor, in a process of its own, finds each of many leaks at once, fails, and prints no secret", async () => {
  const every = together(leakCases(rig.gateway.url));
  for (const cases of ALL ? every : every.slice(0, 1)) {
    const { code, checks, text } = await doctor("sallyport doctor --contained --root ./image", {
      env: Object.assign({}, ...cases.map((one) => one.env)),
      files: Object.assign({}, ...cases.map((one) => one.files)),
      modes: Object.assign({}, ...cases.map((one) => one.modes)),
      open: cases.flatMap((one) => one.open ?? []),
    });
    expect(code).toBe(1);
    expect(cases.filter((one) => !finds(checks, one)).map((one) => one.with)).toEqual([]);
    expect(text).not.toContain(SECRET);
  }
}, 60_000);

describe("a container with", () => {
  test.each(leakCases(GATEWAY).map((one) => [one.with, one] as const))("%s leaks", async (_with, one) => {
    const { checks, found } = await inside(one);
    expect(found).toBe(true);
    const failed = checks.filter(({ result }) => result !== "ok");
    expect(failed.filter(({ next }) => next === undefined)).toEqual([]);
    expect(JSON.stringify(checks)).not.toContain(SECRET);
    // What is not part of it stays clear.
    const kinds = new Set(failed.map(({ what }) => what));
    expect(kinds.size).toBeLessThanOrEqual(2);
  });

  test.each(["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"])(
    "a session token of the gateway in %s leaks nothing",
    async (name) => {
      const token = `e30.${Buffer.from(JSON.stringify({ iss: GATEWAY })).toString("base64url")}.s`;
      expect((await inside({ env: { [name]: token } })).leaks).toEqual([]);
    },
  );

  test("settings of its own that the managed ones override leaks nothing", async () => {
    const files = {
      ".claude/settings.json": { env: { ANTHROPIC_BASE_URL: "https://x.example.com" }, apiKeyHelper: "x" },
    };
    expect((await inside({ files })).leaks).toEqual([]);
  });

  test("settings and kubeconfigs that are not what they should be is examined all the same", async () => {
    const files = {
      [`${HOME}/.kube/config`]: "{]",
      "/etc/kubernetes/admin.conf": "clusters: 7\nusers: [null, {user: null}]\n",
      [`${HOME}/.claude/settings.json`]: "[1",
      ".claude/settings.json": '{"env":[1]}',
      "/proc/net/route": "nonsense",
    };
    expect((await inside({ files })).leaks).toEqual([]);
  });

  test("a proxy that opens only the gateway leaks nothing", async () => {
    const { leaks } = await inside({ env: { HTTPS_PROXY: "http://proxy.example.com:3128" } });
    expect(leaks).toEqual([]);
  });
});

/** The same look without a process: a scene whose network is what `open` says. */
async function inside(one: Pick<LeakCase, "env" | "files" | "modes" | "open"> & Partial<LeakCase>) {
  const cwd = "/work";
  const at = container(GATEWAY, cwd, one);
  const isOpen = (address: string): boolean => (one.open ?? []).includes(address);
  const scene: Scene = {
    env: { HOME, NODE_IP, PATH: "/usr/bin", ...one.env },
    cwd,
    root: at,
    gateway: GATEWAY,
    contained: true,
    reach: async (host, to) => (isOpen(host.includes(":") ? `[${host}]:${to}` : `${host}:${to}`) ? "open" : "silent"),
    tunnels: async ({ host }) => isOpen(host),
  };
  const checks = await examineLeaks(scene);
  const leaks = checks.filter(({ result }) => result !== "ok");
  return { checks, leaks, found: one.finds !== undefined && finds(checks, one as LeakCase) };
}

describe("a model's client", () => {
  const settings = JSON.parse(MANAGED);
  const blocks = (language: string): string[] =>
    [...read("docs/connect-an-agent.md").matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
      (match) => match[1] ?? "",
    );

  test("gets a session token from the helper, which the model's connection takes as a key, as a bearer token, and as both; kubectl's is of the same session", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin, { recursive: true });
    const script = `#!/bin/sh\nexec "${process.execPath}" "${join(root, "cli/main.ts")}" "$@"\n`;
    writeFileSync(join(bin, "sallyport"), script, { mode: 0o755 });
    const [exports = "", name = ""] = blocks("sh");
    const typed = [name, exports.replaceAll(GATEWAY, rig.gateway.url), "env"].join("");
    // As Claude Code runs its helper: in /bin/sh, and without the id of its session (2.1.330).
    const claude = { ...env, PATH: `${bin}:/usr/bin:/bin`, CLAUDE_CODE_ENTRYPOINT: "sdk-cli" };
    const ran = start("/bin/sh", ["-c", typed], { env: claude, timeoutMs: 55_000 });
    const { code, stdout, stderr } = await ran.finished;
    expect([code, stderr]).toEqual([0, ""]);
    const got = Object.fromEntries(stdout.split("\n").map((line) => [line.split("=")[0], line.replace(/^[^=]*=/, "")]));
    expect(got).toMatchObject({
      ANTHROPIC_BASE_URL: rig.base("claude"),
      OPENAI_BASE_URL: `${rig.base("gpt")}/v1`,
      OPENAI_API_KEY: got.ANTHROPIC_AUTH_TOKEN,
    });
    const token = got.ANTHROPIC_AUTH_TOKEN ?? "";

    rig.provider.scripts = [{ headers: { "content-type": "application/json" }, parts: ['{"data":[]}'] }];
    const ways: Record<string, string>[] = [
      { "x-api-key": token },
      { authorization: `Bearer ${token}` },
      { "x-api-key": token, authorization: `Bearer ${token}` },
    ];
    for (const headers of ways) {
      const reply = await fetch(`${rig.base("claude")}/v1/models`, { headers, dispatcher: rig.dispatcher });
      expect([reply.status, await reply.text()]).toEqual([200, '{"data":[]}']);
    }

    const SALLYPORT_SESSION = got.SALLYPORT_SESSION ?? "";
    const plugin = await sallyport(["credential"], { ...env, SALLYPORT_SESSION, CLAUDE_CODE_SESSION_ID: "c0ffee" });
    const session = (of: string): unknown => unverifiedClaims(of)?.session;
    expect(session(token)).toMatchObject({ agent: "claude-code", id: expect.any(String) });
    expect(session(JSON.parse(plugin.stdout).status.token)).toEqual(session(token));
  });

  test("that is Claude Code has that helper in the docs and in the managed settings, and asks again well before a token expires", () => {
    const [own = "{}"] = blocks("json");
    for (const { apiKeyHelper, env } of [JSON.parse(own), settings]) {
      expect(apiKeyHelper).toBe("sallyport credential --token");
      expect(env.ANTHROPIC_BASE_URL).toBe(`${GATEWAY}/connections/claude`);
      expect(Number(env.CLAUDE_CODE_API_KEY_HELPER_TTL_MS)).toBeLessThan(SPARE_MS);
    }
  });
});

describe("the hook that reports", () => {
  const REPORT = join(root, "deploy/agent/report.mjs");

  async function hook(input: string, more: Record<string, string> = {}) {
    const log = join(folder, `hook-${Math.random()}.log`);
    const ran = start(process.execPath, [REPORT], {
      env: { PATH: "/nowhere", SALLYPORT_HOOK_LOG: log, ...more },
      input,
      timeoutMs: 55_000,
    });
    const { code, stdout, stderr } = await ran.finished;
    const lines = (() => {
      try {
        return readFileSync(log, "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line));
      } catch {
        return [];
      }
    })();
    return { code, said: stdout + stderr, lines };
  }

  test("writes who Claude Code says asked, and nothing of what the tool was given", async () => {
    const input = {
      hook_event_name: "PreToolUse",
      session_id: "s",
      prompt_id: "p",
      tool_name: "Bash",
      tool_use_id: "t",
      tool_input: { command: SECRET },
    };
    const { code, said, lines } = await hook(JSON.stringify(input));
    expect([code, said]).toEqual([0, ""]);
    expect(lines).toMatchObject([
      { hook: "PreToolUse", claims: { session_id: "s", prompt_id: "p", tool_name: "Bash", tool_use_id: "t" } },
    ]);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });

  test("says as a session starts what doctor found, or that it found nothing out", async () => {
    const { code, said, lines } = await hook('{"hook_event_name":"SessionStart","session_id":"s"}');
    expect([code, said]).toEqual([0, ""]);
    expect(lines).toMatchObject([{ hook: "SessionStart", leaks: "unknown" }]);
  });

  const WRONG = [
    ["no JSON", "{"],
    ["nothing", ""],
    ["what is no object", "null"],
  ];
  test.each(ALL ? WRONG : WRONG.slice(0, 1))("decides nothing when it is given %s", async (_what, input = "") => {
    expect(await hook(input)).toMatchObject({ code: 0, said: "", lines: [] });
  });

  test("decides nothing when it cannot write", async () => {
    const input = '{"hook_event_name":"PreToolUse"}';
    expect(await hook(input, { SALLYPORT_HOOK_LOG: "/nowhere/at/all" })).toMatchObject({ code: 0, said: "" });
  });

  test("is all that the managed settings run; what it says of tools is written before they go on", () => {
    const hooks = Object.entries(JSON.parse(MANAGED).hooks as Record<string, { hooks: { async?: boolean }[] }[]>);
    for (const [event, matchers] of hooks) {
      for (const each of matchers.flatMap((matcher) => matcher.hooks)) {
        expect(each).toMatchObject({ type: "command", command: "node /etc/claude-code/report.mjs" });
        // Claude Code does not wait for those in the background as it ends (2.1.330): their reports would be lost.
        expect(each.async === true).toBe(event === "SessionStart");
      }
    }
  });
});
