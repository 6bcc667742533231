import { expect, test } from "vitest";
import type { RecordedRow } from "../../audit/recorded-rows.ts";
import { uuid7 } from "../../base/uuid7.ts";
import { explainCommand } from "../../cli/policy/explain.ts";
import { type RecordedOptions, recordedDecisions } from "../../cli/policy/recorded-decisions.ts";
import { recordedDecision } from "../../proxy/backtest/recorded.ts";
import { sallyport } from "../cli/run.ts";
import { kube, send } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import { startRig } from "./rig.ts";

const ALL: RecordedOptions = { since: undefined, until: undefined, limit: 100 };
const PODS = "/api/v1/namespaces/shop/pods";
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop" },
  spec: { volumes: [{ name: "n", hostPath: { path: "/" } }] },
};

test("what was decided is read from the API by auditors alone, and from the store, with the objects that were judged", async () => {
  const rig = await startRig({
    guardrails: { defaults: { record: "Request", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } } },
  });
  try {
    serveObjects(rig.upstream).objects.set(`${PODS}/a`, pod);
    const token = await rig.token("agent");
    await kube(rig, "GET", `${PODS}/a`, { token });
    await kube(rig, "POST", PODS, { token, body: pod });
    await kube(rig, "GET", "/api/v1//bad", { token });
    const ask = (as: string) =>
      send(rig, "POST", "/v1alpha1/queries/decisions", { token: as, body: { parameters: { limit: 10 } } });
    expect((await ask(token)).status).toBe(403);
    const auditor = await rig.token("alice");
    const { items } = await untilTwo(async () => (await ask(auditor)).json as { items: RecordedRow[] });
    const byApi = items.map(recordedDecision).filter((one) => one !== undefined);
    expect(byApi.map(({ what, effect }) => [what, effect])).toEqual([
      ["create pods web in shop, through local", "hold"],
      ["get pods a in shop, through local", "allow"],
    ]);
    expect(byApi[0]?.facts).toMatchObject({ masked: [], object: { spec: pod.spec } });
    await rig.gateway.close();
    const byStore = [];
    for await (const decision of recordedDecisions({ ...ALL, config: rig.configFile })) byStore.push(decision);
    expect(byStore).toEqual(byApi);
    const [latest] = byStore;
    const later = { ...ALL, config: rig.configFile, since: Date.parse(latest?.at ?? "") };
    const some = [];
    for await (const { decisionId } of recordedDecisions(later)) some.push(decisionId);
    expect(some).toContain(latest?.decisionId);
    expect(some).not.toContain(byStore[1]?.decisionId);
  } finally {
    await rig.close();
  }
});

/** The record reaches the store a little after the answer reached the client. */
async function untilTwo(ask: () => Promise<{ items: RecordedRow[] }>): Promise<{ items: RecordedRow[] }> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await ask();
    if (found.items.length >= 2 || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a decision on record is explained by its id, and decisions show says that the question is there", async () => {
  const rig = await startRig({
    guardrails: { defaults: { record: "Request", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } } },
  });
  try {
    serveObjects(rig.upstream);
    await kube(rig, "POST", PODS, { token: await rig.token("agent"), body: pod });
    await rig.gateway.close();
    let id = "";
    for await (const { decisionId } of recordedDecisions({ ...ALL, config: rig.configFile })) id = decisionId;
    const options = { rules: [], group: [], namespaceLabel: [], decision: id, config: rig.configFile };
    const held = await explainCommand([], options);
    expect(held).toMatchObject({ exitCode: 1, json: { decisionId: id, recorded: "hold", effect: "hold" } });
    expect(held?.text).toContain('at spec.volumes[0].hostPath = {"path":"/"}');
    const observed = await explainCommand([], { ...options, profile: "observe" });
    expect(observed).toMatchObject({ exitCode: 0, json: { recorded: "hold", effect: "allow" } });
    expect(observed?.text).toContain("it was   hold when it was asked");
    await expect(explainCommand([], { ...options, decision: uuid7() })).rejects.toMatchObject({ exitCode: 1 });
    const shown = await sallyport(["decisions", "show", id, "--config", rig.configFile]);
    expect(shown.stdout).toContain(`question  on record with its objects: sallyport policy explain --decision ${id}`);
  } finally {
    await rig.close();
  }
});
