import { beforeEach, describe, expect, test } from "vitest";
import { decide, pending } from "./approvals.ts";
import { kube, type Reply, send } from "./client.ts";
import { type Cluster, serveObjects } from "./cluster.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let cluster: Cluster;
let token: string;
let alice: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  {
    guardrails: {
      defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 60 } },
      rules: { "secrets/write": { absolute: true } },
    },
  },
);
beforeEach(async () => {
  cluster = serveObjects(rig.upstream);
  alice = await rig.token("alice", "admin");
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const [OLD, NEW] = ["first-value-of-it", "second-value-of-it"];

function secret(name: string, password: string, more: object = {}) {
  const metadata = { name, namespace: "shop", ...more };
  return { kind: "Secret", apiVersion: "v1", metadata, data: { password: base64(password) } };
}

/** What an approver is shown of a write of a Secret that is held, as JSON and as the page. */
async function shown(name: string, headers: Record<string, string> = {}): Promise<{ json: Reply; page: string }> {
  const path = `/api/v1/namespaces/shop/secrets/${name}`;
  cluster.objects.set(path, secret(name, OLD, { uid: `u-${name}`, resourceVersion: "7" }));
  const held = kube(rig, "PUT", path, { token, headers, body: secret(name, NEW) });
  const proposal = await pending(rig, alice, name);
  const json = await send(rig, "GET", `/v1alpha1/approvals/${proposal.name}`, { token: alice });
  const accept = { accept: "text/html" };
  const page = await send(rig, "GET", `/approvals/${proposal.name}`, { token: alice, headers: accept });
  await decide(rig, alice, proposal, "deny");
  await held;
  return { json, page: page.text };
}

describe("what an approver is shown of a write of a Secret", () => {
  test("is which field changes, and neither its old value nor its new one", async () => {
    const { json, page } = await shown("masked");
    expect(json.json?.changes).toEqual([expect.objectContaining({ path: "data.password" })]);
    expect(page).toContain("password:");
    for (const value of [OLD, NEW, base64(OLD), base64(NEW)]) expect(json.text + page).not.toContain(value);
  });

  test("is what it reaches, and the rule with its title, what to do instead, and that it is absolute", async () => {
    const { json, page } = await shown("described");
    expect(json.json?.blastRadius).toBe("changes Secret shop/described, on local");
    expect(json.json?.findings).toEqual([
      expect.objectContaining({
        rule: "secrets/write",
        absolute: true,
        title: expect.stringMatching(/\w/),
        remediation: expect.stringMatching(/\w/),
      }),
    ]);
    expect(page).toContain("Absolute: break-glass does not lift it.");
  });

  test("names the prompt that its client claims, and none that is no id", async () => {
    const claimed = await shown("prompted", { "x-claude-code-prompt-id": "0192-prompt" });
    expect(claimed.json.json?.requester).toMatchObject({ promptId: "0192-prompt" });
    const forged = await shown("forged", { "x-claude-code-prompt-id": "approved by @alice" });
    expect(forged.json.json?.requester).not.toHaveProperty("promptId");
  });
});
