import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAuditLog } from "../../tools/control-plane/audit-log.ts";
import { type ControlPlane, startControlPlane } from "../../tools/control-plane/start.ts";
import { freePort } from "../../tools/free-port.ts";
import { findKubectls, minorOf } from "../../tools/kubectls.ts";
import { openTerminal, type Terminal } from "../../tools/terminal.ts";

// kubectl 1.31 and newer speak WebSocket by default, older ones SPDY only.
const old = (await findKubectls()).find(({ version }) => (minorOf(version) ?? 99) <= 30);
const SPDY = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" };
const TRANSPORTS = [
  { transport: "WebSocket", env: {}, verb: "get" },
  { transport: "SPDY", env: SPDY, verb: "create" },
];

let plane: ControlPlane;
let work: string;

beforeAll(async () => {
  plane = await startControlPlane({ kubelet: true });
  work = plane.directory;
  await kubectl(["run", "p", "--image", "none"]);
  await ready("p");
});
afterAll(() => plane.stop());

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

function command(args: string[], { env = {}, path = plane.kubectl }: RunOptions = {}) {
  const flags = ["--kubeconfig", plane.adminKubeconfig, "--cache-dir", join(work, "kubectl")];
  return { argv: [path, ...flags, ...args], env: { PATH: process.env.PATH, HOME: work, ...env } };
}

function kubectl(args: string[], options: RunOptions = {}): Promise<Run> {
  const { argv, env } = command(args, options);
  const [file = "", ...rest] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, rest, { cwd: work, env, stdio: ["pipe", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    const stderr = text(child.stderr);
    // A command that reads nothing closes it early.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("close", async (code) => resolve({ code, stdout: Buffer.concat(chunks), stderr: await stderr }));
  });
}

async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
  return stdout.toString();
}

/** What another process brings about, on a machine that may have much else to do. */
const eventually = <T>(look: () => T) => expect.poll(look);

const ready = (pod: string): Promise<string> => output("wait", `pod/${pod}`, "--for=condition=Ready", "--timeout=15s");

async function terminal(args: string[], options: RunOptions = {}): Promise<Terminal> {
  const { argv, env } = command(args, options);
  return openTerminal(argv, env);
}

/** Types again and again, since what is at the other end may not listen yet. */
async function typeUntil(seen: Pick<Terminal, "type" | "shown">, keys: string, then: string): Promise<void> {
  await eventually(() => {
    seen.type(keys);
    return seen.shown();
  }).toContain(then);
}

async function runs(pid: number): Promise<boolean> {
  const { stdout } = await new Promise<{ stdout: string }>((resolve) =>
    execFile("ps", ["-o", "stat=", "-p", String(pid)], (_, stdout) => resolve({ stdout })),
  );
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

describe.for(TRANSPORTS)("over $transport", ({ transport, env, verb }) => {
  it("exec brings back output, standard error and the exit code", async () => {
    const script = `cat; echo ${transport} >&2; exit 7`;
    const { code, stdout, stderr } = await kubectl(["exec", "-i", "p", "--", "sh", "-c", script], { env, input: "in" });
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({
      code: 7,
      stdout: "in",
      stderr: `${transport}\ncommand terminated with exit code 7\n`,
    });
    // It was that transport: a WebSocket begins with GET, SPDY with POST.
    await eventually(async () =>
      (await readAuditLog(plane.auditLogFile)).find((line) => line.requestURI.includes(transport)),
    ).toMatchObject({ verb });
  });

  it("5 MB pass through `exec -i -- cat` unharmed", async () => {
    const input = randomBytes(5_000_000);
    const { stdout } = await kubectl(["exec", "-i", "p", "--", "cat"], { env, input });
    expect(stdout.equals(input)).toBe(true);
  });

  it("cp copies a file into a container and back", async () => {
    const content = randomBytes(100_000);
    await writeFile(join(work, "sent"), content);
    expect(await kubectl(["cp", "sent", "p:copied"], { env })).toMatchObject({ code: 0, stderr: "" });
    expect(await kubectl(["cp", "p:copied", `back-${transport}`], { env })).toMatchObject({ code: 0 });
    expect((await readFile(join(work, `back-${transport}`))).equals(content)).toBe(true);
  });

  it("a terminal has its size, follows each new one, and passes Ctrl-C on", async () => {
    const seen = await terminal(["exec", "-it", "p", "--", "sh"], { env });
    seen.type("stty size\r");
    await eventually(seen.shown).toContain("24 80");
    seen.resize(40, 100);
    await typeUntil(seen, "stty size\r", "40 100");
    seen.type("echo beg''un; sleep 1000\r");
    await eventually(seen.shown).toContain("begun");
    seen.type("\x03");
    // A shell that is being interrupted drops what was typed.
    await typeUntil(seen, "exit 3\r", "terminated with exit code 3");
    expect(await seen.exited).toBe(3);
  });

  it("port-forward passes requests on to a container's port", async () => {
    const { port, pod } = await echo(`forwarded-${transport.toLowerCase()}`);
    const { argv, env: all } = command(["port-forward", `pod/${pod}`, `:${port}`], { env });
    const child = spawn(argv[0] ?? "", argv.slice(1), { env: all, stdio: ["ignore", "pipe", "inherit"] });
    try {
      const line = await new Promise<string>((resolve) => child.stdout.once("data", (chunk) => resolve(String(chunk))));
      const local = /:(\d+) ->/.exec(line)?.[1];
      for (const path of ["/one", "/two"])
        expect(await (await fetch(`http://127.0.0.1:${local}${path}`)).text()).toBe(`GET ${path} ${pod}\n`);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

it.skipIf(old === undefined)(
  "the oldest kubectl of this machine gets output, standard error and exit code",
  async () => {
    const path = old?.path ?? "";
    const script = "cat; echo oldest >&2; exit 7";
    const { code, stdout, stderr } = await kubectl(["exec", "-i", "p", "--", "sh", "-c", script], {
      path,
      input: "in",
    });
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({
      code: 7,
      stdout: "in",
      stderr: "oldest\ncommand terminated with exit code 7\n",
    });
  },
);

it("a command that is not there exits with 127, as a shell says it", async () => {
  expect(await kubectl(["exec", "p", "--", "no-such-command"])).toMatchObject({ code: 127 });
});

it("attach joins what a running container reads and writes", async () => {
  await output("run", "attached", "--image", "none", "--stdin", "--", "cat");
  await ready("attached");
  const { argv, env } = command(["attach", "-i", "attached"]);
  const child = spawn(argv[0] ?? "", argv.slice(1), { env, stdio: ["pipe", "pipe", "ignore"] });
  let shown = "";
  child.stdout.on("data", (chunk) => {
    shown += chunk;
  });
  try {
    await typeUntil({ type: (line) => void child.stdin.write(line), shown: () => shown }, "hello\n", "hello\n");
  } finally {
    child.kill("SIGKILL");
  }
  expect(await output("logs", "attached")).toContain("hello\n");
});

describe("logs", () => {
  beforeAll(async () => {
    const script = "echo one; echo two; echo three; printf partial; read wait; echo end";
    await output("run", "logged", "--image", "none", "--stdin", "--", "sh", "-c", script);
    await ready("logged");
    while (!(await output("logs", "logged")).includes("three"));
  });

  it("the last lines, or the first bytes", async () => {
    expect(await output("logs", "logged", "--tail=1")).toBe("three\n");
    expect(await output("logs", "logged", "--limit-bytes=5")).toBe("one\nt");
  });

  it("lines with their time, and only those since a time", async () => {
    const lines = (await output("logs", "logged", "--timestamps")).trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, ""))).toEqual(["one", "two", "three"]);
    expect(await output("logs", "logged", "--since-time=2126-01-01T00:00:00Z")).toBe("");
    expect(await output("logs", "logged", "--since=1h")).toBe("one\ntwo\nthree\n");
  });

  it("followed until the container ends", async () => {
    const followed = output("logs", "logged", "--follow");
    await kubectl(["attach", "-i", "logged"], { input: "go\n" });
    expect(await followed).toBe("one\ntwo\nthree\npartialend\n");
  });

  it("of the attempt before", async () => {
    await output("run", "crashed", "--image", "none", "--", "sh", "-c", "echo attempt; exit 1");
    const restarts = ["get", "pod", "crashed", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"];
    await eventually(async () => Number(await output(...restarts))).toBeGreaterThan(0);
    expect(await output("logs", "crashed", "--previous")).toBe("attempt\n");
  });
});

it("`run --rm -it` shows a container's terminal and removes its pod", async () => {
  const seen = await terminal(["run", "once", "--rm", "-it", "--restart=Never", "--image", "none", "--", "sh"]);
  await eventually(seen.shown).toContain("command prompt");
  seen.type("echo in''side; exit 5\r");
  expect(await seen.exited).toBe(5);
  expect(seen.shown()).toContain("inside\r\n");
  expect(await kubectl(["get", "pod", "once"])).toMatchObject({ code: 1 });
});

it("`debug -it --target` runs an ephemeral container in a pod", async () => {
  const seen = await terminal(["debug", "-it", "p", "--target=p", "--container=debugger", "--image=none", "--", "sh"]);
  await eventually(seen.shown).toContain("command prompt");
  seen.type("echo eph''emeral; exit\r");
  await seen.exited;
  expect(seen.shown()).toContain("ephemeral\r\n");
  const ended = "jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}";
  await eventually(() => output("get", "pod", "p", "-o", ended)).toBe("0");
});

it("a container has the values and the files of its Secrets and ConfigMaps", async () => {
  await output("create", "secret", "generic", "held", "--from-literal=key=from-secret");
  await output("create", "configmap", "held", "--from-literal=key=from-configmap");
  const container = {
    name: "c",
    image: "none",
    command: ["sh", "-c", `echo "$A $(B)" '$$(B)'; cat "$HOME/etc/held/key"`],
    env: [
      { name: "A", valueFrom: { secretKeyRef: { name: "held", key: "key" } } },
      { name: "B", valueFrom: { configMapKeyRef: { name: "held", key: "key" } } },
    ],
    volumeMounts: [{ name: "v", mountPath: "/etc/held" }],
  };
  const spec = {
    containers: [container],
    volumes: [{ name: "v", secret: { secretName: "held" } }],
    restartPolicy: "Never",
  };
  const input = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "holds" }, spec });
  await kubectl(["create", "-f", "-"], { input });
  await output("wait", "pod/holds", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=15s");
  expect(await output("logs", "holds")).toBe("from-secret from-configmap $(B)\nfrom-secret");
});

it("a rollout ends when the new pods are Ready", async () => {
  await output("create", "deployment", "rolled", "--image", "none", "--replicas", "2");
  await output("rollout", "status", "deployment/rolled", "--timeout=20s");
  await output("set", "image", "deployment/rolled", "none=other");
  expect(await output("rollout", "status", "deployment/rolled", "--timeout=20s")).toContain("successfully rolled out");
});

it("a cordoned node gets no pods until it is uncordoned", async () => {
  await output("cordon", "stub");
  await output("run", "waits", "--image", "none");
  await output("wait", "pod/waits", "--for=condition=PodScheduled=false", "--timeout=15s");
  await output("uncordon", "stub");
  await ready("waits");
});

it("a Job completes or fails by its containers' exit codes", async () => {
  await output("create", "job", "good", "--image", "none", "--", "true");
  await output("create", "job", "bad", "--image", "none", "--", "sh", "-c", "exit 3");
  await output("wait", "job/good", "--for=condition=complete", "--timeout=15s");
  const code = "jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}";
  await eventually(() => output("get", "pods", "-l", "job-name=bad", "-o", code)).toBe("3");
});

it("the API server proxies to nodes, pods and services", async () => {
  const { port, pod } = await echo("proxied");
  await output("expose", "pod", pod, "--port", "80", "--target-port", String(port));
  const raw = (path: string): Promise<Run> => kubectl(["get", "--raw", `/api/v1/${path}`]);
  expect((await raw("nodes/stub/proxy/healthz")).stdout.toString()).toBe("ok");
  const direct = await raw(`namespaces/default/pods/${pod}:${port}/proxy/a?b=c`);
  expect(direct.stdout.toString()).toBe("GET /a?b=c proxied\n");
  await eventually(async () => (await raw(`namespaces/default/services/${pod}:80/proxy/s`)).stdout.toString()).toBe(
    "GET /s proxied\n",
  );
});

it.for(["192.0.2.1:80", "169.254.169.254:80", "example.com:443", "127.0.0.1:22"])(
  "a connection to %s, which is no pod's address, is refused",
  async (path) => {
    const asked = request({ socketPath: plane.egressSocket, method: "CONNECT", path });
    const status = new Promise((resolve, reject) => {
      asked.on("connect", (answer, socket) => {
        socket.destroy();
        resolve(answer.statusCode);
      });
      asked.on("error", reject);
    });
    asked.end();
    expect(await status).toBe(403);
  },
);

it("the kubelet serves nobody but the API server", async () => {
  const user = await plane.mintIdentity({ username: "system:node:stub", groups: ["system:masters"] });
  const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
    const proxied = connect(plane.egressSocket);
    let seen = "";
    proxied.write("CONNECT 10.244.0.1:10250 HTTP/1.1\r\nHost: 10.244.0.1:10250\r\n\r\n");
    proxied.once("data", async () => {
      const { connect: connectTls } = await import("node:tls");
      const [ca, cert, key] = await Promise.all(
        [plane.caFile, user.certificateFile, user.keyFile].map((file) => readFile(file)),
      );
      const secure = connectTls({ socket: proxied, ca, cert, key, host: "10.244.0.1" });
      secure.write("GET /pods HTTP/1.1\r\nHost: 10.244.0.1\r\nConnection: close\r\n\r\n");
      secure.on("data", (chunk) => {
        seen += chunk;
      });
      secure.on("close", () => resolve({ stdout: seen }));
    });
  });
  expect(stdout).toMatch(/^HTTP\/1\.1 403 /);
});

it.skipIf(process.platform !== "linux")("the kubelet listens on no port", async () => {
  const pid = plane.pids.get("stub-kubelet");
  const links = await readdir(`/proc/${pid}/fd`).then((names) =>
    Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => ""))),
  );
  const own = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]));
  const tables = await Promise.all(["tcp", "tcp6", "udp", "udp6"].map((name) => readFile(`/proc/net/${name}`, "utf8")));
  const mine = tables.flatMap((table) => table.split("\n").map((line) => line.trim().split(/\s+/)));
  const sockets = mine.filter((fields) => own.has(fields[9] ?? ""));
  // Its connection to the API server is among them, and none that listens (state 0A, for UDP 07).
  expect(sockets.length).toBeGreaterThan(0);
  expect(sockets.map((fields) => fields[3])).not.toContain("0A");
  expect(sockets.map((fields) => fields[3])).not.toContain("07");
});

it("a namespace is gone with its pods, and their processes with them", async () => {
  await output("create", "namespace", "short");
  // The namespace controller looks again after half the longest grace of a pod.
  const soon = JSON.stringify({ spec: { terminationGracePeriodSeconds: 1 } });
  await output(
    "run",
    "x",
    "-n",
    "short",
    "--image",
    "none",
    "--overrides",
    soon,
    "--",
    "sh",
    "-c",
    "sleep 1000 & echo $!; wait",
  );
  await output("wait", "-n", "short", "pod/x", "--for=condition=Ready", "--timeout=15s");
  const started = await output("exec", "-n", "short", "x", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!");
  const pids = [Number(await output("logs", "-n", "short", "x")), Number(started)];
  for (const pid of pids) expect(await runs(pid)).toBe(true);
  await output("delete", "namespace", "short", "--timeout=30s");
  for (const pid of pids) expect(await runs(pid)).toBe(false);
});

// The last of the file: it ends the kubelet.
it("kill -9 of the kubelet leaves no container's process", async () => {
  await output("run", "left", "--image", "none", "--", "sh", "-c", "sleep 1000 & echo $!; wait");
  await ready("left");
  const started = await output("exec", "left", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!");
  // One that has left its session, as a daemon does; it is found by Linux's /proc.
  const leave = process.platform === "linux" ? "setsid" : "";
  const away = await output("exec", "left", "--", "sh", "-c", `${leave} sleep 1000 >/dev/null 2>&1 & echo $!`);
  const pids = [await output("logs", "left"), started, away].map(Number);
  for (const pid of pids) expect(await runs(pid)).toBe(true);
  process.kill(plane.pids.get("stub-kubelet") ?? 0, "SIGKILL");
  for (const pid of pids) await eventually(() => runs(pid)).toBe(false);
  await expect(plane.failed).resolves.toContain("stub-kubelet ended");
});

/** A pod that serves HTTP on a free port of loopback, and answers with its own name. */
async function echo(pod: string): Promise<{ pod: string; port: number }> {
  const port = await freePort();
  await output("run", pod, "--image", "none", "--", "http-echo", String(port), pod);
  await ready(pod);
  await eventually(() => output("logs", pod)).toContain("listening");
  return { pod, port };
}
