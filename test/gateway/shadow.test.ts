import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { shadow } from "../../cli/policy/shadow.ts";
import type { ShadowVerdict } from "../../engine/shadow.ts";
import { allowing, decisionRule, writeFiles } from "../engine/support.ts";
import { kube, send, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

/** A candidate that denies objects called bad, cannot read those called odd, and takes for ever for slow ones. */
const FINDING =
  '[{"rule": "test/bad", "effect": "deny", "message": "m", "severity": "low", "ids": [], "fields": [], "privileged": false, "absolute": false}]';
const CANDIDATE = `package sallyport

default decision := {"effect": "allow", "findings": [], "approval": null, "mask": [], "record": "Metadata"}

${decisionRule('"deny"', FINDING, ' if input.request.name == "bad"')}

decision := "odd" if input.request.name == "odd"

decision := "slow" if {
	input.request.name == "slow"
	many := numbers.range(1, 100000000)
	count(many) > 0
}
`;

let rig: Rig;
let token: string;
let candidate: string;
beforeAll(async () => {
  candidate = await mkdtemp(join(tmpdir(), "sallyport-shadow-"));
  await writeFiles(candidate, { "sallyport/decision.rego": CANDIDATE });
  rig = await startRig({
    change: (config) => {
      (config.policy as Record<string, unknown>).shadow = { bundle: candidate };
    },
  });
  token = await rig.token("agent");
  await until(() => shadowOf("warm-up"));
});
afterAll(async () => {
  await rig.close();
  await rm(candidate, { recursive: true });
});

const get = (name: string) => kube(rig, "GET", `/api/v1/namespaces/shop/configmaps/${name}`, { token });
const rowsOf = (name: string): EventRow[] => spooled(rig).filter((row) => row.name === name);

/** Asks for a ConfigMap of that name until the candidate was asked too, and resolves to its verdict. */
async function shadowOf(name: string): Promise<ShadowVerdict | undefined> {
  await get(name);
  return recorded(name);
}

function recorded(name: string): ShadowVerdict | undefined {
  const found = rowsOf(name).map(({ payload }) => (JSON.parse(payload) as { shadow?: ShadowVerdict }).shadow);
  return found.findLast((one) => one !== undefined);
}

async function counts(): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${rig.gateway.adminPort}/metrics`)).text();
  return Object.fromEntries(
    [...text.matchAll(/^sallyport_shadow_(?:evaluations_total\{result="(\w+)"\}|(\w+)_total) (\d+)$/gm)].map(
      (found) => [found[1] ?? found[2] ?? "", Number(found[3])],
    ),
  );
}

test("a request that the candidate would stop is answered as ever, and is on record once, with what it would have said", async () => {
  expect((await get("bad")).status).toBe(200);
  const verdict = await until(() => recorded("bad"));
  expect(verdict).toMatchObject({ effect: "deny", rules: ["test/bad"], changes: ["effect", "rules"], missing: [] });
  expect(verdict.us).toBeGreaterThan(0);
  expect(verdict.revision).toMatch(/^[0-9a-f]{16}\/[0-9a-f]{16}$/);
  const rows = rowsOf("bad");
  expect(rows.filter(({ kind }) => kind === "request.outcome")).toHaveLength(1);
  expect(rows.find(({ kind }) => kind === "request.outcome")).toMatchObject({ effect: "allow", status: 200 });
  expect(rows.filter(({ payload }) => payload.includes('"shadow"'))).toHaveLength(1);
});

test("a request that policy refuses is put to the candidate too", async () => {
  const body = { roleRef: { kind: "ClusterRole", name: "cluster-admin", apiGroup: "rbac.authorization.k8s.io" } };
  const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/refused";
  const reply = await kube(rig, "DELETE", path, { token, body });
  expect(reply.status).toBe(403);
  const verdict = await until(() => recorded("refused"));
  expect(verdict).toMatchObject({ effect: "allow", rules: [] });
  expect(verdict.changes).toContain("effect");
});

test("a candidate that fails, or never ends, delays nothing and is counted", async () => {
  const before = await counts();
  expect((await get("odd")).status).toBe(200);
  expect((await get("slow")).status).toBe(200);
  expect(recorded("slow")).toBeUndefined();
  const verdict = await until(() => recorded("slow"));
  expect(verdict.rules).toEqual(["request/policy-failed"]);
  await until(() => recorded("odd"));
  expect((await counts()).failed).toBe((before.failed ?? 0) + 2);
  // Its thread was ended, and the next question gets another one.
  expect(await until(() => shadowOf("after"))).toMatchObject({ effect: "allow", changes: [] });
});

test("what the candidate costs is in the metrics: evaluations by result, microseconds, and what was dropped", async () => {
  const before = await counts();
  await get("a-request");
  await until(() => recorded("a-request"));
  const after = await counts();
  expect(Object.keys(after).sort()).toEqual(["different", "dropped", "failed", "incomplete", "microseconds", "same"]);
  expect(after.same).toBeGreaterThan(before.same ?? 0);
  expect(after.microseconds).toBeGreaterThan(before.microseconds ?? 0);
});

test("an edited candidate is asked with no restart; one that no longer compiles leaves the one before, and policy untouched", async () => {
  const first = (await until(() => shadowOf("revision"))).revision;
  writeFileSync(join(candidate, "sallyport/decision.rego"), CANDIDATE.replace('"bad"', '"worse"'));
  await until(async () => {
    const verdict = await shadowOf("revision-2");
    return verdict !== undefined && verdict.revision !== first;
  });
  expect(await until(() => shadowOf("worse"))).toMatchObject({ effect: "deny" });
  writeFileSync(join(candidate, "sallyport/decision.rego"), "package sallyport\n\nx := {\n");
  await until(async () => (await status()).shadow?.rejected?.reason.includes("decision.rego"));
  expect((await status()).rejected).toBeUndefined();
  expect(await until(() => shadowOf("worse-2"))).toMatchObject({ effect: "allow" });
  writeFileSync(join(candidate, "sallyport/decision.rego"), allowing()["sallyport/decision.rego"] ?? "");
});

async function status(): Promise<{ rejected?: unknown; shadow?: { rejected?: { reason: string } } }> {
  return (await send(rig, "GET", "/v1alpha1/policy", { token: await rig.token("alice") })).json ?? {};
}

test("policy shadow says what the candidate would have done otherwise, by rule, with real requests, and what it cost", {
  timeout: 60_000,
}, async () => {
  await until(async () => ((await status()).shadow?.rejected === undefined ? true : undefined));
  await until(() => shadowOf("last"));
  await rig.gateway.close();
  const options = { config: rig.configFile, limit: "1000", examples: "2" };
  const revision = rowsOf("bad").map(
    ({ payload }) => (JSON.parse(payload) as { shadow?: ShadowVerdict }).shadow?.revision,
  );
  const [first] = revision.filter((one) => one !== undefined);
  const earlier = await shadow({ ...options, revision: first ?? "" });
  expect(earlier.json).toMatchObject({
    summary: { revision: first, failed: 2 },
    report: { effects: { "allow → deny": expect.any(Number), "deny → allow": 1 } },
  });
  expect(earlier.text).toMatch(/live requests put to the candidate, \d+ of them otherwise.*µs each/);
  expect(earlier.text).toMatch(
    /test\/bad: none → deny in 1 \(allow → deny\)\n.*get configmaps bad in shop, through local/,
  );
});
