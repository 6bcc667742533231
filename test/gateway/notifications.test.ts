import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decide, pending } from "./approvals.ts";
import { kube, until } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

const SECRET = `whsec_${Buffer.from("thirty-two bytes of a secret ...").toString("base64")}`;

interface Told {
  type: string;
  data: { approval: { name: string; what: string; url: string }; by?: string; reason?: string };
}

let rig: Rig;
let agent: string;
let alice: string;
const told: Told[] = [];
const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on("data", (chunk: Buffer) => chunks.push(chunk));
  req.on("end", () => {
    const body = Buffer.concat(chunks).toString("utf8");
    told.push(new Webhook(SECRET).verify(body, req.headers as Record<string, string>) as Told);
    res.end();
  });
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  rig = await startRig({
    guardrails: { defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 60 } } },
    change: (config) => {
      config.notifications = [{ name: "ops", kind: "webhook", urlFile: "./hook.url", secretFile: "./hook.secret" }];
    },
    prepare: (directory) => {
      writeFileSync(join(directory, "hook.url"), `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
      writeFileSync(join(directory, "hook.secret"), SECRET);
    },
  });
  serveObjects(rig.upstream);
  agent = await rig.token("agent");
  alice = await rig.token("alice", "admin");
});
afterAll(async () => {
  await rig.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Holds a pod of this name, and decides. */
async function settled(verb: "approve" | "deny", object: string): Promise<string> {
  const body = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: object },
    spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: "v", hostPath: { path: "/etc" } }] },
  };
  const held = kube(rig, "POST", "/api/v1/namespaces/shop/pods", { token: agent, body });
  const proposal = await pending(rig, alice, object);
  await decide(rig, alice, proposal, verb, "as the test says");
  await held;
  return proposal.name;
}

describe("people are told, once and signed,", () => {
  test.each([
    ["approve", "approval.approved"],
    ["deny", "approval.denied"],
  ] as const)("of a hold, and that somebody decided to %s it", async (verb, type) => {
    const name = await settled(verb, `told-${verb}`);
    const about = (): Told[] => told.filter(({ data }) => data.approval.name === name);
    await until(async () => (about().length === 2 ? true : undefined));
    expect(about().map((news) => news.type)).toEqual(["approval.held", type]);
    expect(about()[1]?.data).toMatchObject({
      by: expect.stringContaining("alice"),
      reason: "as the test says",
      approval: { what: `create pods shop/told-${verb} on local`, url: `${rig.gateway.url}/approvals/${name}` },
    });
  });
});
