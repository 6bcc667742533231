import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RecordedRow } from "../../audit/recorded-rows.ts";
import { uuid7 } from "../../base/uuid7.ts";
import { explainCommand } from "../../cli/policy/explain.ts";
import { type RecordedOptions, recordedDecisions } from "../../cli/policy/recorded-decisions.ts";
import { type RecordedDecision, recordedDecision } from "../../proxy/backtest/recorded.ts";
import { sallyport } from "../cli/run.ts";
import { kube, type Reply, send, until } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

const PODS = "/api/v1/namespaces/shop/pods";
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop" },
  spec: { volumes: [{ name: "n", hostPath: { path: "/" } }] },
};

let rig: Rig;
let agentsAnswer: Reply;
let byApi: RecordedDecision[];

const rowsOf = ({ json }: Reply): RecordedRow[] => (json?.items ?? []) as RecordedRow[];

/** Two decisions are made and read from the API; then the gateway is gone, and its store can be read. */
beforeAll(async () => {
  const approval = { approvers: ["group:dev:sre"], holdSeconds: 0 };
  rig = await startRig({ guardrails: { defaults: { record: "Request", approval } } });
  serveObjects(rig.upstream).objects.set(`${PODS}/a`, pod);
  const [agent, auditor] = [await rig.token("agent"), await rig.token("alice")];
  await kube(rig, "GET", `${PODS}/a`, { token: agent });
  await kube(rig, "POST", PODS, { token: agent, body: pod });
  await kube(rig, "GET", "/api/v1//bad", { token: agent });
  const ask = (token: string): Promise<Reply> =>
    send(rig, "POST", "/v1alpha1/queries/decisions", { token, body: { parameters: { limit: 10 } } });
  agentsAnswer = await ask(agent);
  // The record reaches the store a little after the answer reached the client.
  const rows = await until(async () => {
    const found = rowsOf(await ask(auditor));
    return found.length >= 2 && found;
  });
  byApi = rows.map((row) => recordedDecision(row)).filter((one) => one !== undefined);
  await rig.gateway.close();
}, 60_000);
afterAll(() => rig?.close());

async function fromStore(more: Partial<RecordedOptions> = {}): Promise<RecordedDecision[]> {
  const found = [];
  const options = { since: undefined, until: undefined, limit: 100, config: rig.configFile, ...more };
  for await (const decision of recordedDecisions(options)) found.push(decision);
  return found;
}

// The store is opened for each, by a process of its own.
describe("what was decided", { timeout: 60_000 }, () => {
  test("is read from the API by auditors alone, with the objects that were judged", () => {
    expect(agentsAnswer.status).toBe(403);
    expect(byApi.map(({ what, effect }) => [what, effect])).toEqual([
      ["create pods web in shop, through local", "hold"],
      ["get pods a in shop, through local", "allow"],
    ]);
    expect(byApi[0]?.facts).toMatchObject({ masked: [], object: { spec: pod.spec } });
  });

  test("is the same in the store, where a period and a limit cut it", async () => {
    expect(await fromStore()).toEqual(byApi);
    expect(await fromStore({ limit: 1 })).toEqual(byApi.slice(0, 1));
    const since = Date.parse(byApi[0]?.at ?? "");
    expect((await fromStore({ since })).map(({ decisionId }) => decisionId)).toContain(byApi[0]?.decisionId);
    expect(await fromStore({ until: Date.parse("2020-01-01") })).toEqual([]);
  });

  test("is explained by its id, by the policy that is named", async () => {
    const id = byApi[0]?.decisionId ?? "";
    const options = { rules: [], group: [], namespaceLabel: [], decision: id, config: rig.configFile };
    const held = await explainCommand([], options);
    expect(held).toMatchObject({ exitCode: 1, json: { decisionId: id, recorded: "hold", effect: "hold" } });
    expect(held?.text).toContain('at spec.volumes[0].hostPath = {"path":"/"}');
    const observed = await explainCommand([], { ...options, profile: "observe" });
    expect(observed).toMatchObject({ exitCode: 0, json: { recorded: "hold", effect: "allow" } });
    expect(observed?.text).toContain("it was   hold when it was asked");
  });

  test("is not there under another id", async () => {
    const options = { rules: [], group: [], namespaceLabel: [], decision: uuid7(), config: rig.configFile };
    await expect(explainCommand([], options)).rejects.toMatchObject({ exitCode: 1 });
  });

  test("is shown with the way to judge it again", async () => {
    const id = byApi[0]?.decisionId ?? "";
    const shown = await sallyport(["decisions", "show", id, "--config", rig.configFile]);
    expect(shown.stdout).toContain(`question  on record with its objects: sallyport policy explain --decision ${id}`);
  });
});
