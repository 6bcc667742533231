import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { serveObjects } from "../../test/gateway/cluster.ts";
import { startUpstream } from "../../test/gateway/rig.ts";
import { type BenchGateway, startGateway } from "../gateway.ts";
import type { World } from "../world.ts";

/** A proposal, as the control API lists it. */
export interface Proposed {
  name: string;
  seen: string;
  state: string;
  summary: { name: string };
}

/** A request that waits for its approval. */
export interface Held {
  proposal: Proposed;
  /** When the write itself arrived at the upstream, in milliseconds of performance.now(). Throws where it was refused. */
  goesOn: Promise<number>;
}

/** A gateway whose requests are held, in front of an upstream that tells when one goes on. */
export interface HoldingGateway {
  gateway: BenchGateway;
  /** Sends a request that needs an approval; resolves when its proposal is open. */
  hold(): Promise<Held>;
  /** As a person of the group that approves. */
  approve(proposal: Proposed): Promise<void>;
}

const PODS = "/connections/stub/api/v1/namespaces/shop/pods";
const GUARDRAILS = {
  profiles: ["baseline"],
  defaults: { record: "Metadata", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 90 } },
};

export async function startHolding(
  { directory, issuer, token, later }: World,
  change?: (config: Record<string, unknown>) => void,
): Promise<HoldingGateway> {
  const folder = mkdtempSync(join(directory, "held-"));
  const upstream = await startUpstream(folder);
  later(() => upstream.close());
  const arrived = new Map<string, (at: number) => void>();
  serveObjects(upstream).onWrite = ({ body }) => {
    const { metadata } = JSON.parse(body) as { metadata: { name: string } };
    arrived.get(metadata.name)?.(performance.now());
    return undefined;
  };
  const options = { directory: folder, issuer, cluster: upstream, stub: upstream, token, guardrails: GUARDRAILS };
  const gateway = await startGateway({ ...options, ...(change === undefined ? {} : { change }) });
  later(() => gateway.child.stop("SIGKILL"));
  const dispatcher = new Agent({
    connect: { ca: readFileSync(gateway.state.caFile, "utf8") },
    headersTimeout: 120_000,
  });
  later(() => dispatcher.close());
  const ask = async (method: "GET" | "POST", path: string, bearer: string, body?: object) => {
    const answer = await request(gateway.origin + path, {
      dispatcher,
      method,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const { idToken: alice } = await developmentTokens(issuer, "alice", "admin");
  let sent = 0;
  return {
    gateway,
    async hold() {
      const name = `held-${++sent}`;
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      arrived.set(name, resolve);
      ask("POST", PODS, gateway.sessionToken, hostPathPod(name)).catch(reject);
      for (;;) {
        const { items } = await ask("GET", "/v1alpha1/approvals", alice);
        const proposal = (items as Proposed[]).find((one) => one.summary.name === name && one.state === "pending");
        if (proposal !== undefined) return { proposal, goesOn: promise };
        await Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 20))]);
      }
    },
    async approve({ name, seen }) {
      await ask("POST", `/v1alpha1/approvals/${name}/approve`, alice, { reason: "the bench", seen });
    },
  };
}

function hostPathPod(name: string): object {
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name },
    spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: "v", hostPath: { path: "/etc" } }] },
  };
}
