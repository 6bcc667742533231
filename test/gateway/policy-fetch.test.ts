import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { openGateway } from "../../cli/serve/gateway.ts";
import { archive, bundleFiles, bundleServer, deciding, OURS } from "../cli/bundles/support.ts";
import { folder, writeFiles } from "../engine/support.ts";
import { kube, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

const metrics = async (rig: Rig): Promise<string> =>
  (await fetch(`http://127.0.0.1:${rig.gateway.adminPort}/metrics`)).text();
const inForce = async (rig: Rig): Promise<string> =>
  /policy_info\{bundle="([^"]*)"/.exec(await metrics(rig))?.[1] ?? "";
const answer = async (rig: Rig): Promise<number> =>
  (await kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token: await rig.token("agent") })).status;

async function rigWith(policy: Record<string, unknown>, keys: Record<string, string> = {}): Promise<Rig> {
  const rig = await startRig({
    change: (config) => {
      Object.assign(config.keys as object, keys);
      config.policy = { guardrails: "guardrails.yaml", ...policy };
    },
    prepare: (directory) => writeFileSync(join(directory, "bundle.pub"), OURS.publicKey),
  });
  onTestFinished(() => rig.close());
  return rig;
}

test("a gateway serves what a bundle server has, swaps it, and starts again with that server down", {
  timeout: 60_000,
}, async () => {
  const server = await bundleServer({ longPoll: true });
  server.put(await archive(await bundleFiles(deciding("allow"), { serial: 1, revision: "one" })));
  const fetch = { pollSeconds: 1, longPollSeconds: 30 };
  const rig = await rigWith({ bundle: server.url, fetch }, { bundlePublicFile: "bundle.pub" });
  expect([await inForce(rig), await answer(rig)]).toEqual(["one", 200]);
  server.put(await archive(await bundleFiles(deciding("deny"), { serial: 2, revision: "two" })));
  await until(async () => (await inForce(rig)) === "two");
  expect(await answer(rig)).toBe(403);
  await rig.gateway.close();
  await server.down();
  rig.gateway = await openGateway(loadGatewayConfig(rig.configFile), { log: silentLog });
  expect([await inForce(rig), await answer(rig)]).toEqual(["two", 403]);
  expect(await metrics(rig)).toMatch(/^sallyport_policy_rejected 1$/m);
});

test("a gateway compiles the sources of a repository at a ref, a team's own folder among them", {
  timeout: 60_000,
}, async () => {
  const at = await folder();
  const git = (...args: string[]) =>
    promisify(execFile)("git", ["-c", "user.name=t", "-c", "user.email=dev@example.com", ...args], { cwd: at });
  await writeFiles(join(at, "rego"), deciding("allow"));
  await writeFiles(join(at, "ours"), { "more/more.rego": "package more\n\nx := 1\n" });
  await git("init", "--quiet", "--initial-branch=prod");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "1");
  const bundle = `git+file://${at}?ref=prod&path=rego&path=ours`;
  const rig = await rigWith({ bundle, verify: false, fetch: { pollSeconds: 1 } });
  expect(await answer(rig)).toBe(200);
  await writeFiles(join(at, "rego"), deciding("deny"));
  await git("commit", "--quiet", "--all", "--message", "2");
  await until(async () => (await answer(rig)) === 403);
  expect(await metrics(rig)).toMatch(/^sallyport_policy_serial \d{10}$/m);
});
