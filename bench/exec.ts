import { readFileSync } from "node:fs";
import { Agent, WebSocket } from "undici";
import { apply, type Cluster, prepareCluster } from "../cli/up/cluster.ts";
import { start } from "../cli/up/command.ts";
import type { DevelopmentIssuer } from "../identity/development/issuer.ts";
import { type ControlPlane, startControlPlane } from "../tools/control-plane/start.ts";
import { startGateway } from "./gateway.ts";
import type { Row } from "./table.ts";

/** One way to a pod: direct, or through the gateway. */
interface Way {
  url: string;
  dispatcher: Agent;
  headers: Record<string, string>;
}

const ROUNDS = 60;
const LINES = 400;
const POD = "/api/v1/namespaces/default/pods/shell/exec";

/**
 * An exec in a pod of the stub kubelet through a real API server, by WebSocket (v5.channel.k8s.io), directly and
 * through the gateway in turns: a whole command from the first byte of the handshake to its exit code, and a line
 * there and back through one that stays open.
 */
export async function benchExec(directory: string, issuer: DevelopmentIssuer): Promise<Row[]> {
  const plane = await startControlPlane({ kubelet: true, syncs: true });
  const opened: (() => Promise<unknown>)[] = [() => plane.stop()];
  try {
    const cluster = clusterOf(plane, directory);
    const token = await prepareCluster(cluster);
    await apply(cluster, [SHELL]);
    const ready = await cluster.admin(["wait", "--for=condition=Ready", "pod/shell", "--timeout=30s"]);
    if (ready.code !== 0) throw new Error(`the pod to exec in is not ready: ${ready.stderr}`);
    const gateway = await startGateway({
      directory,
      issuer,
      cluster,
      stub: cluster,
      guardrails: { profiles: ["observe"] },
      token,
    });
    opened.push(() => gateway.child.stop("SIGTERM"));
    const agents = [plane.caFile, gateway.state.caFile].map(
      (file) => new Agent({ connect: { ca: readFileSync(file, "utf8") }, allowH2: false }),
    );
    for (const agent of agents) opened.push(() => agent.destroy());
    const [direct, through] = agents as [Agent, Agent];
    return await measure(
      {
        url: plane.server.replace("https", "wss"),
        dispatcher: direct,
        headers: { authorization: `Bearer ${token}`, ...AGENT },
      },
      {
        url: `${gateway.origin.replace("https", "wss")}/connections/local`,
        dispatcher: through,
        headers: { authorization: `Bearer ${gateway.sessionToken}` },
      },
    );
  } finally {
    for (const end of opened.reverse()) await end();
  }
}

const AGENT = {
  "impersonate-user": "dev:agent@example.com",
  // One: a WebSocket client joins repeated headers, and a comma is part of a group's name.
  "impersonate-group": "dev:agents",
  "impersonate-uid": "agent",
};

const SHELL = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "shell", namespace: "default" },
  spec: { containers: [{ name: "main", image: "registry.example.com/shell:1", command: ["sleep", "3600"] }] },
};

function clusterOf(plane: ControlPlane, directory: string): Cluster {
  return {
    ...plane,
    admin: (args, input) =>
      start(plane.kubectl, ["--kubeconfig", plane.adminKubeconfig, ...args], {
        env: { PATH: process.env.PATH, HOME: directory },
        ...(input === undefined ? {} : { input }),
      }).finished,
  };
}

async function measure(direct: Way, through: Way): Promise<Row[]> {
  const whole: [number[], number[]] = [[], []];
  for (let i = 0; i < ROUNDS + 5; i++) {
    for (const [side, way] of [direct, through].entries()) {
      const took = await timed(() => command(way, ["true"]));
      // The first few warm connections, caches and the compiler.
      if (i >= 5) whole[side]?.push(took);
    }
  }
  const lines = [await echoes(direct), await echoes(through), await echoes(direct), await echoes(through)];
  const line = [median([...(lines[0] ?? []), ...(lines[2] ?? [])]), median([...(lines[1] ?? []), ...(lines[3] ?? [])])];
  const [before, after] = whole.map(median) as [number, number];
  return [
    { what: "exec of `true`: direct, median", value: before, unit: "ms" },
    { what: "exec of `true`: through the gateway, median", value: after, unit: "ms" },
    {
      what: "exec round trip",
      value: after / before,
      unit: "×",
      aim: { at: "most", value: 1.3 },
      beside: "direct, handshake to exit code, one at a time in turns; etcd syncs",
    },
    { what: "a line through `exec -i cat`: direct, median", value: line[0] ?? 0, unit: "ms" },
    {
      what: "a line through `exec -i cat`",
      value: (line[1] ?? 0) / (line[0] ?? 1),
      unit: "×",
      beside: "direct",
    },
  ];
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function timed(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

function open(way: Way, query: string): WebSocket {
  const { dispatcher, headers } = way;
  const socket = new WebSocket(`${way.url}${POD}?${query}`, { protocols: ["v5.channel.k8s.io"], dispatcher, headers });
  socket.binaryType = "arraybuffer";
  return socket;
}

const ERROR_CHANNEL = 3;

/** Runs a command to its exit code. */
function command(way: Way, words: string[]): Promise<void> {
  const query = new URLSearchParams({ stdout: "true", stderr: "true" });
  for (const word of words) query.append("command", word);
  const socket = open(way, query.toString());
  return new Promise((resolve, reject) => {
    let status = "";
    socket.addEventListener("message", ({ data }) => {
      const bytes = Buffer.from(data as ArrayBuffer);
      if (bytes[0] === ERROR_CHANNEL) status += bytes.subarray(1).toString("utf8");
    });
    socket.addEventListener("error", () => reject(new Error("the exec failed")));
    socket.addEventListener("close", () => {
      if (status.includes('"status":"Success"')) resolve();
      else reject(new Error(`the exec ended with ${status || "no status"}`));
    });
  });
}

/** Milliseconds for each of some lines to come back. */
function echoes(way: Way): Promise<number[]> {
  const socket = open(way, "stdin=true&stdout=true&command=cat");
  const took: number[] = [];
  let sentAt = 0;
  const send = (): void => {
    sentAt = performance.now();
    socket.send(Buffer.concat([Buffer.of(0), Buffer.from(`line ${took.length}\n`)]));
  };
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", send);
    socket.addEventListener("error", () => reject(new Error("the exec failed")));
    socket.addEventListener("message", ({ data }) => {
      const bytes = Buffer.from(data as ArrayBuffer);
      if (bytes[0] !== 1 || bytes.length === 1) return;
      took.push(performance.now() - sentAt);
      if (took.length < LINES) send();
      else {
        resolve(took.slice(20));
        socket.close();
      }
    });
  });
}
