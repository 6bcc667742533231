import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it, test } from "vitest";
import { stringify } from "yaml";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { freePort } from "../../tools/free-port.ts";
import { findKubectls, minorOf } from "../../tools/kubectls.ts";
import { openTerminal, type Terminal } from "../../tools/terminal.ts";
import { AGENT, approveNext, call, folder, idToken, openWorld, ROOT, until, type World } from "./harness.ts";

// kubectl 1.31 and newer speak WebSocket by default, older ones SPDY only.
const all = await findKubectls();
const newest = all.at(-1)?.path ?? "";
const oldest = all.find(({ version }) => (minorOf(version) ?? 99) <= 30)?.path;
const SPDY = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" };
const CLIENTS = [
  { client: "WebSocket", path: newest, env: {} },
  // Where there is no kubectl that knows nothing else, the pinned one is told to.
  { client: "SPDY", path: oldest ?? newest, env: oldest === undefined ? SPDY : {} },
];
const SECRET = "correct-horse-battery-staple";

let world: World;
let work: string;
let kubeconfig: string;
beforeAll(async () => {
  world = await openWorld({
    kubelet: true,
    guardrails: {
      profiles: ["observe"],
      rules: { "secrets/read": { effect: "mask" } },
      defaults: { record: "RequestResponse", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
      scopes: [{ name: "held", match: { namespaces: ["held"] }, profiles: ["baseline"] }],
    },
  });
  work = folder();
  kubeconfig = join(work, "kubeconfig");
  const cluster = { server: `${world.url}/connections/local`, "certificate-authority-data": base64(world.caPem) };
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "c",
      clusters: [{ name: "c", cluster }],
      users: [{ name: "u", user: { token: await idToken(world, "agent") } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace: "free" } }],
    }),
    { mode: 0o600 },
  );
  for (const namespace of ["free", "held", "swapped"]) {
    await admin("create", "namespace", namespace);
    await admin("create", "rolebinding", "agent", "-n", namespace, "--clusterrole=admin", `--user=${AGENT}`);
    await until(async () => (await world.admin(["get", "serviceaccount", "default", "-n", namespace])).code === 0);
    await admin("create", "secret", "generic", "db", "-n", namespace, `--from-literal=password=${SECRET}`);
    const env = [{ name: "PASSWORD", valueFrom: { secretKeyRef: { name: "db", key: "password" } } }];
    const spec = { containers: [{ name: "p", image: "none", env }] };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace }, spec };
    const { code, stderr } = await world.admin(["apply", "-f", "-"], JSON.stringify(pod));
    if (code !== 0) throw new Error(stderr);
  }
  for (const namespace of ["free", "held", "swapped"])
    await admin("wait", "pod/p", "-n", namespace, "--for=condition=Ready", "--timeout=15s");
});

const base64 = (value: string): string => Buffer.from(value).toString("base64");

async function admin(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await world.admin(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

interface Run {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

interface RunOptions {
  input?: string | Buffer;
  env?: NodeJS.ProcessEnv;
  path?: string;
}

/** The agent's kubectl, of any version. */
function command(args: readonly string[], { env = {}, path = newest }: RunOptions): [string[], NodeJS.ProcessEnv] {
  const flags = ["--kubeconfig", kubeconfig, "--cache-dir", join(work, "cache")];
  return [[path, ...flags, ...args], { PATH: process.env.PATH, HOME: work, ...env }];
}

function kubectl(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const [[file = "", ...rest], env] = command(args, options);
  return new Promise((resolve) => {
    const child = spawn(file, rest, { cwd: work, env, stdio: ["pipe", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    const stderr = text(child.stderr);
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("close", async (code) => resolve({ code, stdout: Buffer.concat(chunks), stderr: await stderr }));
  });
}

/** A pod that answers HTTP requests with their paths. */
async function echo(pod: string): Promise<{ port: number; pod: string }> {
  const port = await freePort();
  await admin("run", pod, "-n", "free", "--image", "none", "--", "http-echo", String(port), pod);
  await admin("wait", `pod/${pod}`, "-n", "free", "--for=condition=Ready", "--timeout=15s");
  await until(async () => (await admin("logs", "-n", "free", pod)).includes("listening"));
  return { port, pod };
}

/** Types again and again, since what is at the other end may not listen yet. */
async function typeUntil(seen: Pick<Terminal, "type" | "shown">, keys: string, then: string): Promise<void> {
  await until(async () => {
    seen.type(keys);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return seen.shown().includes(then);
  });
}

describe.for(CLIENTS)("over $client, kubectl through the gateway", ({ client, path, env }) => {
  it("exec brings back output, standard error and the exit code", async () => {
    const script = `cat; echo ${client} >&2; exit 7`;
    const { code, stdout, stderr } = await kubectl(["exec", "-i", "p", "--", "sh", "-c", script], {
      env,
      path,
      input: "in",
    });
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({
      code: 7,
      stdout: "in",
      stderr: `${client}\ncommand terminated with exit code 7\n`,
    });
  });

  it("5 MB pass through `exec -i -- cat` unharmed", async () => {
    const input = randomBytes(5_000_000);
    const { stdout } = await kubectl(["exec", "-i", "p", "--", "cat"], { env, path, input });
    expect(stdout.equals(input)).toBe(true);
  });

  it("exec -it has a terminal's size, follows each new one, and passes Ctrl-C and the exit code on", async () => {
    const [argv, all] = command(["exec", "-it", "p", "--", "sh"], { env, path });
    const seen = await openTerminal(argv, all);
    seen.type("stty size\r");
    await until(() => seen.shown().includes("24 80"));
    seen.resize(40, 100);
    await typeUntil(seen, "stty size\r", "40 100");
    seen.type("echo beg''un; sleep 1000\r");
    await until(() => seen.shown().includes("begun"));
    seen.type("\x03");
    await typeUntil(seen, "exit 3\r", "terminated with exit code 3");
    expect(await seen.exited).toBe(3);
  });

  it("cp copies a file into a container and back", async () => {
    const content = randomBytes(100_000);
    const name = `sent-${client}`;
    writeFileSync(join(work, name), content);
    expect(await kubectl(["cp", name, `p:${name}`], { env, path })).toMatchObject({ code: 0 });
    expect(await kubectl(["cp", `p:${name}`, `back-${client}`], { env, path })).toMatchObject({ code: 0 });
    expect(readFileSync(join(work, `back-${client}`)).equals(content)).toBe(true);
  });

  it("attach joins what a running container reads and writes", async () => {
    const pod = `attached-${client.toLowerCase()}`;
    await admin("run", pod, "-n", "free", "--image", "none", "--stdin", "--", "cat");
    await admin("wait", `pod/${pod}`, "-n", "free", "--for=condition=Ready", "--timeout=15s");
    const [argv, all] = command(["attach", "-i", pod], { env, path });
    const child = spawn(argv[0] ?? "", argv.slice(1), { env: all, stdio: ["pipe", "pipe", "ignore"] });
    let shown = "";
    child.stdout.on("data", (chunk) => {
      shown += chunk;
    });
    try {
      await typeUntil({ type: (line) => void child.stdin.write(line), shown: () => shown }, "hello\n", "hello\n");
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("port-forward passes requests on to a container's port", async () => {
    const { port, pod } = await echo(`echo-${client.toLowerCase()}`);
    const [argv, all] = command(["port-forward", `pod/${pod}`, `:${port}`], { env, path });
    const child = spawn(argv[0] ?? "", argv.slice(1), { env: all, stdio: ["ignore", "pipe", "inherit"] });
    try {
      const line = await new Promise<string>((resolve) => child.stdout.once("data", (chunk) => resolve(String(chunk))));
      const local = /:(\d+) ->/.exec(line)?.[1];
      for (const asked of ["/one", "/two"])
        expect(await (await fetch(`http://127.0.0.1:${local}${asked}`)).text()).toContain(asked);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("a held exec waits for its approval, and then brings back its output and exit code", async () => {
    const script = `echo ${client}; exit 5`;
    const run = kubectl(["exec", "-n", "held", "p", "--", "sh", "-c", script], { env, path });
    const held = await approveNext(world, "p");
    expect(held.summary).toMatchObject({ verb: "connect", command: `sh -c '${script}'` });
    const { code, stdout, stderr } = await run;
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 5, stdout: `${client}\n` });
    expect(stderr).toContain("terminated with exit code 5");
  });

  it("an exec whose verdict changes ends, and kubectl says why", async () => {
    const script = "echo here; sleep 60";
    const [argv, all] = command(["exec", "-n", "swapped", "p", "--", "sh", "-c", script], { env, path });
    const child = spawn(argv[0] ?? "", argv.slice(1), { env: all, stdio: ["ignore", "pipe", "pipe"] });
    const stderr = text(child.stderr);
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const record = client === "SPDY" ? "Request" : "Metadata";
    await world.editGuardrails((guardrails) => {
      const scopes = (guardrails.scopes as { name: string }[]).filter(({ name }) => name !== "swapped");
      guardrails.scopes = [...scopes, { name: "swapped", match: { namespaces: ["swapped"] }, record }];
    });
    expect(await exited).toBe(1);
    expect(await stderr).toContain("sallyport: the policy that opened it has changed");
  });

  it("exec shows none of the values of the Secrets that its pod consumes", async () => {
    const script = 'echo "it is $PASSWORD"; printf %s "$PASSWORD" | base64 >&2';
    const { stdout, stderr } = await kubectl(["exec", "p", "--", "sh", "-c", script], { env, path });
    expect(stdout.toString()).toBe(`it is ${"*".repeat(SECRET.length)}\n`);
    expect(stderr).not.toContain(base64(SECRET).slice(0, 8));
  });
});

test("kubectl debug adds a container to a pod, and attaches to it", async () => {
  const [argv, env] = command(["debug", "-it", "p", "--image=none", "--target=p", "--", "sh"], {});
  const seen = await openTerminal(argv, env);
  await typeUntil(seen, "echo in''side\r", "inside");
  seen.type("exit 4\r");
  await seen.exited;
});

test("kubectl exec of what is not there says what it says of an API server", async () => {
  const args = ["exec", "p", "-c", "no", "-n", "free", "--", "sh"];
  const [through, direct] = [await kubectl(args), await world.admin(args)];
  expect([through.code, through.stderr]).toEqual([direct.code, direct.stderr]);
});

test("docs/replay.md: an exec is listed, replayed, paced, followed and exported as it says", async () => {
  const { id, token } = await newSession();
  const [argv, env] = command(["exec", "-it", "p", "--token", token, "--", "sh"], {});
  const seen = await openTerminal(argv, env);
  seen.type("stty size\r");
  await until(() => seen.shown().includes("24 80"));
  seen.resize(40, 100);
  await typeUntil(seen, "exit 3\r", "terminated with exit code 3");
  await seen.exited;
  const exchange = await until(async () => {
    const { text: lines } = await call(world, "GET", `/v1alpha1/sessions/${id}/events`, { token });
    const rows = lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    return rows.find(({ kind }) => kind === "stream.closed")?.exchange_id as string | undefined;
  });

  const names: Record<string, string> = {
    "e1ddd7242cfbed3cc97488a7-e1aa07df0a796a8e": id,
    "01a202fc-dcfa-79f1-b229-089b904a87b8": exchange,
    "--speed 10": "--speed 1000",
    "exec.cast": join(work, "exec.cast"),
  };
  const page = readFileSync(join(ROOT, "docs", "replay.md"), "utf8");
  const commands = [...page.matchAll(/^\$ sallyport (.*)$/gm)].map(([, line = ""]) => line);
  const sallyport = async (line: string): Promise<string> => {
    const typed = Object.entries(names).reduce((all, [example, own]) => all.replaceAll(example, own), line);
    const { code, stdout, stderr } = await world.agent.sallyport(typed.split(" ")).finished;
    expect(code, `${line}: ${stderr}`).toBe(0);
    return stdout;
  };
  const follow = commands.find((line) => line.includes("--follow")) ?? "";
  const following = sallyport(follow);
  const others = commands.filter((line) => line !== follow);
  const told = await Promise.all(others.map(sallyport));
  const of = (part: string): string => told[others.findIndex((line) => line.includes(part))] ?? "";
  expect(of("sessions list")).toContain(id);
  expect(of("--typed")).toMatch(/runs sh in container p, on a terminal$/m);
  for (const shown of [
    /^ +\| .*stty size$/m,
    /^ +\| .*24 80$/m,
    /^ +> stty size$/m,
    /exec in free\/p ended with exit code 3$/m,
  ])
    expect(of("--typed")).toMatch(shown);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for them is the point
  const obeyed = /[\u001b\u0007\r]/;
  for (const [i, line] of others.entries()) if (!line.includes("--raw")) expect(told[i], line).not.toMatch(obeyed);
  expect(of("--raw")).toContain("24 80\r\n");
  const [header = "", ...lines] = readFileSync(join(work, "exec.cast"), "utf8").trimEnd().split("\n");
  expect(JSON.parse(header)).toMatchObject({ version: 3, term: { cols: 80, rows: 24 }, command: "sh" });
  const cast = lines.map((line) => JSON.parse(line).slice(1));
  expect(cast).toContainEqual(["r", "100x40"]);
  expect(cast.at(-1)).toEqual(["x", "3"]);
  // What follows a session ends with it.
  await call(world, "DELETE", "/session", { token });
  const followed = await following;
  expect(followed).toMatch(/ended with exit code 3$/m);
  expect(followed).toContain("session closed");
});

/** A session of its own for the agent, whose token is not the kubeconfig's. */
async function newSession(): Promise<{ id: string; token: string }> {
  const { idToken: subject_token } = await developmentTokens(world.issuer, "agent");
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    subject_token,
  };
  const { json } = await call(world, "POST", "/session", { body });
  const { access_token: token, session_id: id } = json as { access_token: string; session_id: string };
  return { id, token };
}

test("the record of every exec is complete: one intent, its frames, how it ended and its outcome", async () => {
  const rows = await world.closeAndRead();
  const opened = rows.filter(({ kind, subresource }) => kind === "request.intent" && subresource === "exec");
  expect(opened.length).toBeGreaterThan(10);
  for (const { exchange_id: id } of opened) {
    const kinds = rows.filter((row) => row.exchange_id === id).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "request.outcome")).toHaveLength(1);
  }
  const closed = rows.filter(({ kind }) => kind === "stream.closed");
  const codes = closed.map(({ payload }) => JSON.parse(payload).exitCode);
  for (const code of [0, 3, 5, 7]) expect(codes).toContain(code);
  // A command that came to its end was cut by nobody but a kubectl that exits in the middle of its goodbye.
  for (const { payload } of closed) {
    const { exitCode, reason } = JSON.parse(payload);
    if (exitCode !== undefined)
      expect(reason).toMatch(/^(the (API server|client) closed it|the connection of the client broke: .*)$/);
  }
  const frames = rows.filter(({ kind }) => kind === "stream.frame").map(({ payload }) => payload);
  const said = frames.flatMap((payload) => JSON.parse(payload).frames as { channel: string; data?: string }[]);
  for (const channel of ["stdin", "stdout", "stderr", "error", "resize", "data"])
    expect(said.some((frame) => frame.channel === channel)).toBe(true);
  expect(said.map(({ data = "" }) => Buffer.from(data, "base64").toString("latin1")).join("")).not.toContain(SECRET);
});
