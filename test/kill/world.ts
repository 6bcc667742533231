import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { parse, stringify } from "yaml";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { writeState } from "../../cli/up/state.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { freePort } from "../../tools/free-port.ts";
import { isDryRun, serveObjects } from "../gateway/cluster.ts";
import { type Seen, startUpstream } from "../gateway/rig.ts";
import { KilledGateway } from "./gateway.ts";
import type { KillHome } from "./homes.ts";

const REGO = fileURLToPath(new URL("../../rego", import.meta.url));

/** An approval as the control API shows it. */
export interface Shown {
  name: string;
  state: string;
  seen: string;
  summary: { name: string };
  uses: unknown[];
}

/** What the upstream was asked about one object. */
export interface Asked {
  dryRuns: number;
  dryRunsAnswered: number;
  writes: number;
  writesAnswered: number;
}

/** A gateway to be killed, and all that outlives it: its disk, the upstream, the issuer, the repository. */
export interface World {
  gateway: KilledGateway;
  home: KillHome;
  token: string;
  asked(object: string): Asked;
  /** Waits before the upstream answers, in milliseconds. */
  slow: { dryRun: number; write: number };
  send(object: string, signal: AbortSignal): Promise<number>;
  approvals(object: string): Promise<Shown[]>;
  /** A person approves by the control API. */
  decide(name: string): Promise<void>;
  /** Whether a write of that object was announced on record. */
  intended(object: string): boolean;
  close(): Promise<void>;
}

export async function openWorld(makeHome: (directory: string) => KillHome | Promise<KillHome>): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-kill-"));
  const upstream = await startUpstream(directory);
  serveObjects(upstream);
  const issuer = await startDevelopmentIssuer();
  const { file } = await keptBundle([REGO]);
  const ports = { listen: await freePort(), admin: await freePort() };
  const state = await writeState({ directory, rules: file, issuer, ports, cluster: upstream });
  writeFileSync(state.tokenFile, "the-gateways-own-token", { mode: 0o600 });
  const home = await makeHome(directory);
  const config = parse(readFileSync(state.configFile, "utf8")) as Record<string, unknown>;
  home.configure(config);
  writeFileSync(state.configFile, stringify(config));

  const asked = new Map<string, Asked>();
  const slow = { dryRun: 0, write: 0 };
  const answer = upstream.answer;
  upstream.answer = (seen, res) => {
    const count = countFor(asked, seen);
    if (count === undefined) answer(seen, res);
    else answerLater(seen, res, count, slow, answer);
  };

  const origin = `https://127.0.0.1:${ports.listen}`;
  // A connection of its own for each: what was killed leaves none behind.
  const dispatcher = new Agent({ connect: { ca: readFileSync(state.caFile, "utf8") }, pipelining: 0 });
  const call = (method: "GET" | "POST", path: string, token: string, body?: object, signal?: AbortSignal) =>
    request(`${origin}${path}`, {
      method,
      dispatcher,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  const gateway = new KilledGateway(state.configFile);
  const world: World = {
    gateway,
    home,
    token: await tokenOf(issuer, "agent", "data"),
    slow,
    asked: (object) => asked.get(object) ?? newAsked(),
    async send(object, signal) {
      const path = "/connections/local/api/v1/namespaces/shop/pods";
      const { statusCode, body } = await call("POST", path, world.token, pod(object), signal);
      await body.text();
      return statusCode;
    },
    async approvals(object) {
      const token = await tokenOf(issuer, "alice", "admin");
      const { statusCode, body } = await call("GET", "/v1alpha1/approvals?limit=500", token);
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`the list of approvals answers ${statusCode}: ${text}`);
      const { items } = JSON.parse(text) as { items: Shown[] };
      return items.filter(({ summary }) => summary.name === object);
    },
    async decide(name) {
      const token = await tokenOf(issuer, "alice", "admin");
      const shown = (await (await call("GET", `/v1alpha1/approvals/${name}`, token)).body.json()) as Shown;
      const { body } = await call("POST", `/v1alpha1/approvals/${name}/approve`, token, {
        reason: "",
        seen: shown.seen,
      });
      await body.text();
    },
    intended: (object) => intends(join(directory, "spool"), object),
    async close() {
      await gateway.kill();
      await home.close();
      await dispatcher.destroy();
      await issuer.close();
      await upstream.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await gateway.start();
  return world;
}

async function tokenOf(issuer: DevelopmentIssuer, login: string, audience: "data" | "admin"): Promise<string> {
  return (await developmentTokens(issuer, login, audience)).idToken;
}

function pod(name: string): object {
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name },
    spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: "v", hostPath: { path: "/etc" } }] },
  };
}

const newAsked = (): Asked => ({ dryRuns: 0, dryRunsAnswered: 0, writes: 0, writesAnswered: 0 });

function countFor(asked: Map<string, Asked>, { method, body }: Seen): Asked | undefined {
  if (method !== "POST") return undefined;
  const { metadata } = JSON.parse(body) as { metadata: { name: string } };
  const count = asked.get(metadata.name) ?? newAsked();
  asked.set(metadata.name, count);
  return count;
}

function answerLater(
  seen: Seen,
  res: ServerResponse,
  count: Asked,
  slow: World["slow"],
  answer: (seen: Seen, res: ServerResponse) => void,
): void {
  const dryRun = isDryRun(seen);
  if (dryRun) count.dryRuns++;
  else count.writes++;
  setTimeout(
    () => {
      if (dryRun) count.dryRunsAnswered++;
      else count.writesAnswered++;
      answer(seen, res);
    },
    dryRun ? slow.dryRun : slow.write,
  );
}

function intends(spool: string, object: string): boolean {
  return listSegments(spool).some(({ segment }) =>
    readSegment(segmentPath(spool, segment), 0, undefined, 1 << 26).frames.some(({ type, payload }) => {
      if (type !== "event") return false;
      const row = JSON.parse(payload.toString("utf8")) as { kind: string; name: string };
      return row.kind === "request.intent" && row.name === object;
    }),
  );
}
