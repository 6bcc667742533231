import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { parse, stringify } from "yaml";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { writeState } from "../../cli/up/state.ts";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { freePort } from "../../tools/free-port.ts";
import { startUpstream } from "../gateway/rig.ts";
import { KilledGateway } from "./gateway.ts";
import type { KillHome, OpenHome } from "./homes.ts";
import { Points } from "./points.ts";
import { pathOf, secret, store, watchUpstream } from "./upstream.ts";

const REGO = fileURLToPath(new URL("../../rego", import.meta.url));

/** An approval as the control API shows it. */
export interface Shown {
  name: string;
  state: string;
  seen: string;
  summary: { name: string };
  uses: unknown[];
}

/** A gateway to be killed, and all that outlives it: its disk, the upstream, the issuer, the repository. */
export interface World {
  gateway: KilledGateway;
  home: KillHome;
  /** Whether a person has decided about the flow that is under way. */
  decided: boolean;
  /** A flow begins, about an object that the API server has from now on. */
  begin(object: string): Points;
  /** The object is as it was when the flow began. */
  putBack(object: string): void;
  /** The agent's request; resolves to the status of its answer. */
  send(object: string, signal: AbortSignal): Promise<number>;
  /** Those of an object, the oldest first. */
  approvals(object: string): Promise<Shown[]>;
  /** A person approves by the control API. */
  decide(name: string): Promise<void>;
  /** What GitHub sends. */
  hook(body: string, signature: string): Promise<void>;
  /** Whether a write of that object was announced on record. */
  intended(object: string): boolean;
  close(): Promise<void>;
}

export async function openWorld(openHome: OpenHome): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-kill-"));
  const upstream = await startUpstream(directory);
  const issuer = await startDevelopmentIssuer();
  const { file } = await keptBundle([REGO]);
  const ports = { listen: await freePort(), admin: await freePort() };
  const state = await writeState({ directory, rules: file, issuer, ports, cluster: upstream });
  writeFileSync(state.tokenFile, "the-gateways-own-token", { mode: 0o600 });
  let flow: { object: string; points: Points } | undefined;
  const home = await openHome(directory, () => world.decided);
  const cluster = watchUpstream(upstream, () => flow && { ...flow, decided: world.decided });
  const config = parse(readFileSync(state.configFile, "utf8")) as Record<string, unknown>;
  home.configure(config);
  writeFileSync(state.configFile, stringify(config));

  const origin = `https://127.0.0.1:${ports.listen}`;
  // A connection of its own for each: what was killed leaves none behind.
  const dispatcher = new Agent({ connect: { ca: readFileSync(state.caFile, "utf8") }, pipelining: 0 });
  const call = (method: "GET" | "POST" | "PUT", path: string, { token, headers, body, signal }: Call) =>
    request(`${origin}${path}`, {
      method,
      dispatcher,
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  const gateway = new KilledGateway(state.configFile);
  const alice = async (): Promise<string> => (await developmentTokens(issuer, "alice", "admin")).idToken;
  const { idToken: agent } = await developmentTokens(issuer, "agent", "data");
  const world: World = {
    gateway,
    home,
    decided: false,
    begin(object) {
      const points = new Points();
      store(cluster, object);
      home.begin(points);
      world.decided = false;
      flow = { object, points };
      return points;
    },
    putBack: (object) => store(cluster, object),
    async send(object, signal) {
      const body = secret(object, "next-value");
      const answer = await call("PUT", `/connections/local${pathOf(object)}`, { token: agent, body, signal });
      await answer.body.text();
      return answer.statusCode;
    },
    async approvals(object) {
      const { statusCode, body } = await call("GET", "/v1alpha1/approvals?limit=500", { token: await alice() });
      const text = await body.text();
      if (statusCode !== 200) {
        throw new Error(`the list of approvals answers ${statusCode}: ${text}\n${gateway.said().join("\n")}`);
      }
      const { items } = JSON.parse(text) as { items: Shown[] };
      return items.filter(({ summary }) => summary.name === object).toReversed();
    },
    async decide(name) {
      const token = await alice();
      const shown = (await (await call("GET", `/v1alpha1/approvals/${name}`, { token })).body.json()) as Shown;
      const body = { reason: "", seen: shown.seen };
      await (await call("POST", `/v1alpha1/approvals/${name}/approve`, { token, body })).body.text();
    },
    async hook(body, signature) {
      const headers = { "x-github-delivery": randomUUID(), "x-hub-signature-256": signature };
      await (await call("POST", "/webhooks/github", { headers, body })).body.text();
    },
    intended: (object) => intends(join(directory, "spool"), object),
    async close() {
      await gateway.stop();
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

interface Call {
  token?: string;
  headers?: Record<string, string>;
  body?: object | string;
  signal?: AbortSignal;
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
