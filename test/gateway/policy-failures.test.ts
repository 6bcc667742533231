import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { causesOf, kube } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

/** A team's own rules, each of which fails for the pod of its name. */
const FAILING: Record<string, string> = {
  throws:
    'findings contains {"message": "x", "fields": []} if {\n\tinput.request.name == "throws"\n\tsprintf("%q", [1]) == "x"\n}',
  conflicts:
    'findings contains {"message": word, "fields": []} if input.request.name == "conflicts"\n\nword := "a" if input.request.name != ""\n\nword := "b" if input.request.name == "conflicts"',
  mumbles: 'findings contains "no finding" if input.request.name == "mumbles"',
};

let rig: Rig;
let token: string;
const folder = mkdtempSync(join(tmpdir(), "sallyport-rules-"));
beforeAll(async () => {
  for (const [name, body] of Object.entries(FAILING)) {
    const custom = ["severity: low", "ids: []", "effect: deny", "privileged: false", "remediation: none", "match:"];
    const metadata = [
      "METADATA",
      `title: ${name}`,
      `description: ${name}`,
      "custom:",
      ...custom.map((line) => `  ${line}`),
    ];
    const match = ['    - groups: [""]', "      resources: [pods]"];
    const comment = [...metadata, ...match].map((line) => `# ${line}`).join("\n");
    mkdirSync(join(folder, "team", name), { recursive: true });
    writeFileSync(
      join(folder, "team", name, `${name}.rego`),
      `${comment}\npackage sallyport.rules.team.${name}\n\n${body}\n`,
    );
  }
  rig = await startRig({
    change: (config) => {
      (config.policy as { rules: string[] }).rules = [folder];
    },
  });
  token = await rig.token("agent");
});
afterAll(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => rig.upstream.seen.splice(0));

test.each([
  ["throws", "request/policy-failed"],
  ["conflicts", "request/policy-failed"],
  ["mumbles", "team/mumbles"],
])("a policy that %s denies, says no more, and serves the next request", async (name, cause) => {
  const reply = await kube(rig, "GET", `/api/v1/namespaces/shop/pods/${name}`, { token });
  expect(reply.status).toBe(403);
  expect(causesOf(reply)).toEqual([cause]);
  expect(rig.upstream.seen).toEqual([]);
  expect((await kube(rig, "GET", "/api/v1/namespaces/shop/pods/web", { token })).status).toBe(200);
});
