import { execFile } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { rollback } from "../../cli/policy/rollback.ts";
import { openGateway } from "../../cli/serve/gateway.ts";
import { type BundleFiles, unpackBundle } from "../../engine/bundle/archive.ts";
import { archive, bundleFiles, deciding, OURS, THEIRS, withManifest } from "../cli/bundles/support.ts";
import { decisionRule, opa, writeFiles } from "../engine/support.ts";
import { kube, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

/** A gateway that takes nothing but what we signed, its bundle a file that the tests replace. */
let rig: Rig;
let token: string;
let bundle: string;
const allow = (serial: number): Promise<BundleFiles> =>
  bundleFiles(deciding("allow"), { serial, revision: `allow-${serial}` });

function put(content: Uint8Array): void {
  writeFileSync(`${bundle}.new`, content);
  renameSync(`${bundle}.new`, bundle);
}

beforeAll(async () => {
  const first = await archive(await allow(100));
  rig = await startRig({
    change: (config) => {
      const keys = config.keys as Record<string, string>;
      keys.bundlePublicFile = "bundle.pub";
      config.policy = { bundle: "bundle.tar.gz", guardrails: "guardrails.yaml" };
    },
    prepare: (directory) => {
      bundle = join(directory, "bundle.tar.gz");
      writeFileSync(join(directory, "bundle.pub"), OURS.publicKey);
      put(first);
    },
  });
  token = await rig.token("agent");
});
afterAll(() => rig.close());

const answers = async (): Promise<number> => (await kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token })).status;
const metric = async (name: string): Promise<string> => {
  const text = await (await fetch(`http://127.0.0.1:${rig.gateway.adminPort}/metrics`)).text();
  return text.split("\n").find((line) => line.startsWith(name)) ?? "";
};
const value = async (name: string): Promise<number> => Number((await metric(name)).split(" ").at(-1));
const inForce = async (): Promise<string> => /bundle="([^"]*)"/.exec(await metric("sallyport_policy_info"))?.[1] ?? "";

/** What `opa build` makes of these sources by itself, with nothing of ours to stop it. */
async function byOpa(rego: string, entrypoints: string[]): Promise<BundleFiles> {
  const at = await mkdtemp(join(tmpdir(), "sallyport-opa-"));
  try {
    await writeFiles(at, { "p.rego": rego });
    const args = ["build", "-t", "wasm", ...entrypoints.flatMap((one) => ["-e", one]), "-o", "b.tar.gz", "p.rego"];
    await promisify(execFile)(opa, args, { cwd: at });
    const built = await unpackBundle(readFileSync(join(at, "b.tar.gz")), "b");
    built.delete("p.rego");
    built.delete("/p.rego");
    built.set("data.json", new TextEncoder().encode('{"rules":{}}'));
    return withManifest(built, (manifest) => ({ ...manifest, revision: "opa", metadata: { serial: 900 } }));
  } finally {
    await rm(at, { recursive: true });
  }
}

let serial = 100;
test.for<[string, () => Promise<Uint8Array>, RegExp]>([
  [
    "signed by another key",
    async () => archive(await allow(900), THEIRS.privateKey),
    /no configured key made its signature/,
  ],
  ["older", async () => archive(await allow(99)), /is older than what was in force: serial 99, and \d+/],
  [
    "without a serial",
    async () => archive(await bundleFiles(deciding("allow"), { revision: "none" })),
    /has no serial/,
  ],
  [
    "whose entrypoint is missing",
    async () => archive(withManifest(await allow(900), (manifest) => ({ ...manifest, wasm: [] }))),
    /it has no entrypoint sallyport\/decision/,
  ],
  [
    "whose WASM has another entrypoint first",
    async () =>
      archive(
        await byOpa(`package sallyport\n\na := 1\n\n${decisionRule('"allow"')}\n`, [
          "sallyport/a",
          "sallyport/decision",
        ]),
      ),
    /sallyport\/decision is not the first entrypoint of its WASM/,
  ],
  [
    "that calls a builtin which would throw",
    async () =>
      archive(
        await byOpa(
          `package sallyport\n\n${decisionRule('"allow"')}\n\ndecision := {"effect": "deny"} if time.now_ns() == input.never\n`,
          ["sallyport/decision"],
        ),
      ),
    /it calls time\.now_ns, which the gateway's WASM runtime does not have/,
  ],
  [
    "that decides nothing",
    async () =>
      archive(
        await bundleFiles(
          { "sallyport/decision.rego": "package sallyport\n\ndecision if input.never\n" },
          { serial: 900, revision: "x" },
        ),
      ),
    /fails its smoke decision: it is undefined/,
  ],
])(
  "a bundle %s is refused with the old one serving, on record and counted, and the next good one is in force",
  async ([, bad, reason]) => {
    const before = await inForce();
    const failures = await value("sallyport_policy_update_failures_total");
    const rejections = (): string[] =>
      spooled(rig)
        .filter(({ kind }) => kind === "policy.rejected")
        .map((row) => JSON.parse(row.payload).reason as string);
    put(await bad());
    await until(async () => ((await value("sallyport_policy_rejected")) === 1 ? true : undefined));
    expect(await inForce()).toBe(before);
    expect(await answers()).toBe(200);
    expect(await value("sallyport_policy_update_failures_total")).toBeGreaterThan(failures);
    await until(() => rejections().find((one) => reason.test(one)));
    serial += 1;
    put(await archive(await allow(serial)));
    await until(async () => ((await inForce()) === `allow-${serial}` ? true : undefined));
    expect(await metric("sallyport_policy_rejected")).toBe("sallyport_policy_rejected 0");
    expect(await value("sallyport_policy_serial")).toBe(serial);
  },
);

test("each decision names the revision that made it, on either side of a swap", async () => {
  const revisions = (): string[] =>
    spooled(rig)
      .filter(({ kind }) => kind === "request.outcome")
      .map(({ revision }) => revision.split("/")[0] ?? "");
  await answers();
  const before = await inForce();
  put(await archive(await bundleFiles(deciding("deny"), { serial: 200, revision: "deny-200" })));
  await until(async () => ((await inForce()) === "deny-200" ? true : undefined));
  expect(await answers()).toBe(403);
  await until(() => revisions().find((one) => one === before));
  await until(() =>
    spooled(rig).find(({ kind, revision }) => kind === "request.refused" && revision.startsWith("deny-200/")),
  );
});

test("after a restart it still goes back to nothing older, until an operator says so on its host", {
  timeout: 60_000,
}, async () => {
  const older = await archive(await allow(150));
  await rig.gateway.close();
  put(older);
  const config = loadGatewayConfig(rig.configFile);
  await expect(openGateway(config, { log: silentLog })).rejects.toMatchObject({
    message: expect.stringMatching(/is older than what was in force: serial 150, and 200 \(revision deny-200\) was/),
    next: expect.stringContaining("sallyport policy rollback"),
  });
  await rollback(rig.configFile, "150");
  rig.gateway = await openGateway(config, { log: silentLog });
  expect(await inForce()).toBe("allow-150");
});

test("a running gateway hears of an operator's rollback by itself", async () => {
  put(await archive(await allow(140)));
  await until(async () => ((await value("sallyport_policy_rejected")) === 1 ? true : undefined));
  await rollback(rig.configFile, "140");
  await until(async () => ((await inForce()) === "allow-140" ? true : undefined));
});
