import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type BacktestOptions, backtestCommand } from "../../cli/policy/backtest.ts";
import { reportCommand } from "../../cli/policy/report.ts";
import { createPolicy } from "../../engine/policy.ts";
import { backtest } from "../../proxy/backtest/backtest.ts";
import { type RecordedRow, recordedDecision } from "../../proxy/backtest/recorded.ts";
import { folder, guardrails, libraryBundle } from "../engine/support.ts";
import { rowOf } from "./recorded-row.ts";

const BARE: BacktestOptions = { rules: [], limit: "100000", examples: "5" };
const PODS = "/api/v1/namespaces/shop/pods";
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [], volumes: [{ name: "n", hostPath: { path: "/" } }] },
};
const ODD_ROW = {
  kind: "request.outcome",
  at: "2026-11-22 10:00:00.000",
  payload: JSON.stringify({ decisionId: "d", findings: [null] }),
};
const SERIOUS = "<b>@everyone</b>|`x`";

let rows: RecordedRow[];
let file: string;
beforeAll(async () => {
  rows = [
    await rowOf({ method: "GET", path: `${PODS}/web` }),
    await rowOf({ method: "GET", path: "/api/v1/namespaces/shop/secrets", user: SERIOUS }),
    await rowOf({ method: "POST", path: PODS, body: POD }),
    await rowOf({ method: "POST", path: PODS, body: POD }, { objects: false }),
    await rowOf({ method: "GET", path: `${PODS}/old` }, { input: false }),
  ];
});

async function written(some: RecordedRow[]): Promise<string> {
  const at = await folder();
  file = join(at, "recorded.ndjson");
  await writeFile(file, `${some.map((row) => JSON.stringify(row)).join("\n")}\n`);
  return file;
}

describe("policy backtest", () => {
  test("changes nothing under the policy that judged it, and counts what cannot be judged by the fact that is missing", async () => {
    const answer = await backtestCommand({ ...BARE, input: await written(rows) });
    expect(answer.json).toMatchObject({
      judged: 3,
      changed: 0,
      rules: [],
      notJudged: [
        { missing: expect.stringMatching(/objects \(recorded at a level that keeps no bodies/), count: 1 },
        { missing: expect.stringMatching(/question itself/), count: 1 },
      ],
    });
    expect(answer.text).toMatch(/^3 decisions judged again, 0 of them otherwise; 2 could not be judged/);
  });

  test("groups what would change by rule, with the real requests as counterexamples", async () => {
    const at = await folder({
      "g.yaml":
        "apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\ndefaults: {approval: {approvers: ['group:corp:oncall']}}\nrules: {workload/host-path: {effect: deny}, secrets/list: {effect: record}}\n",
    });
    const answer = await backtestCommand({
      ...BARE,
      input: await written(rows),
      guardrails: join(at, "g.yaml"),
      failOnChange: true,
    });
    expect(answer).toMatchObject({
      exitCode: 1,
      json: { changed: 2, effects: { "hold → deny": 1, "deny → allow": 1 } },
    });
    const { rules } = answer.json as { rules: { rule: string; from: string; to: string; examples: object[] }[] };
    expect(rules.map(({ rule, from, to }) => [rule, from, to])).toEqual(
      expect.arrayContaining([
        ["workload/host-path", "hold", "deny"],
        ["secrets/list", "deny", "record"],
      ]),
    );
    expect(answer.text).toContain("workload/host-path: hold → deny in 1 (hold → deny)");
    expect(answer.text).toContain("create pods web in shop, through prod");
    expect(answer.text).toContain("(spec.volumes[0].hostPath)");
  });

  test("writes Markdown that no name can break out of", async () => {
    const answer = await backtestCommand({ ...BARE, input: await written(rows), profile: "observe", markdown: true });
    expect(answer.text).toMatch(/^### Backtest\n/);
    expect(answer.text).toContain("<details><summary>secrets/list");
    expect(answer.text).not.toContain("<b>");
    expect(answer.text).not.toContain("@everyone");
    for (const line of answer.text.split("\n").filter((one) => one.startsWith("| 2026")))
      expect(line.split("|")).toHaveLength(7);
  });

  test("takes a period and a limit, and writes out what it read", async () => {
    const late = await rowOf({ method: "GET", path: `${PODS}/late` }, { at: "2026-11-22 11:00:00.000000" });
    const input = await written([late, ...rows]);
    const out = join(await folder(), "out.ndjson");
    const since = { ...BARE, input, since: "2026-11-22T10:30:00Z", export: out };
    expect((await backtestCommand(since)).json).toMatchObject({ judged: 1, notJudged: [] });
    expect((await readFile(out, "utf8")).trim()).toBe(JSON.stringify(late));
    expect((await backtestCommand({ ...BARE, input, limit: "2" })).json).toMatchObject({ judged: 2 });
  });

  test.for<[string, Partial<BacktestOptions>, string]>([
    ["a line that is no JSON", {}, "{\n"],
    ["a row that is none", {}, "null\n"],
    ["a row whose payload is no JSON", {}, '{"kind":"request.outcome","at":"2026-11-22 10:00:00.000","payload":"x"}\n'],
    ["a row with a finding that is none", {}, `${JSON.stringify(ODD_ROW)}\n`],
    ["a file of anything else", {}, '{"kind":"checkpoint","at":"2026-11-22 10:00:00.000","payload":"{}"}\n'],
    ["a limit that is none", { limit: "-1" }, ""],
    ["a file that is not there", { input: "/nowhere" }, ""],
  ])("%s is wrong usage", async ([, options, text]) => {
    const at = await folder({ "in.ndjson": text });
    await expect(backtestCommand({ ...BARE, input: join(at, "in.ndjson"), ...options })).rejects.toMatchObject({
      exitCode: 2,
    });
  });

  test("says that it judged nothing, and with --fail-on-change does not take that for no change", async () => {
    const input = await written([await rowOf({ method: "GET", path: `${PODS}/old` }, { input: false })]);
    const answer = await backtestCommand({ ...BARE, input, failOnChange: true });
    expect(answer).toMatchObject({ exitCode: 1, json: { judged: 0, changed: 0 } });
    expect(answer.text).toContain("no decision was judged again, and this says nothing of the policy");
    expect(await backtestCommand({ ...BARE, input })).toMatchObject({ exitCode: 0 });
  });

  test("never judges a masked object, nor one that policy needs and the record lacks", async () => {
    const policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails() });
    const [row] = [rows[2] as RecordedRow];
    const facts = JSON.parse(row.facts ?? "{}") as object;
    const judge = async (changed: object) => {
      const decision = recordedDecision({ ...row, facts: JSON.stringify({ ...facts, ...changed }) });
      return (await backtest(decision === undefined ? [] : [decision], policy)).notJudged.map(({ missing }) => missing);
    };
    expect(await judge({})).toEqual([]);
    expect(await judge({ masked: ["data.password"] })).toEqual([expect.stringMatching(/masked/)]);
    expect(await judge({ object: undefined })).toEqual(["the object"]);
  });
});

describe("policy report", () => {
  test("says by namespace what a policy would have stopped of what was only observed", async () => {
    const observe = { profiles: ["observe"] };
    const input = await written([
      await rowOf({ method: "POST", path: PODS, body: POD }, observe),
      await rowOf({ method: "POST", path: PODS, body: POD }, { ...observe, objects: false }),
      await rowOf({ method: "GET", path: `${PODS}/web` }, observe),
      await rowOf({ method: "GET", path: "/api/v1/secrets" }, observe),
      await rowOf({ method: "GET", path: "/api/v1/namespaces/quiet/pods" }, observe),
      await rowOf({ method: "GET", path: "/api/v1/namespaces/dark/pods" }, { ...observe, input: false }),
    ]);
    const answer = await reportCommand({ ...BARE, input });
    expect(answer.json).toMatchObject({
      namespaces: [
        {
          namespace: "shop",
          decisions: 3,
          denied: 0,
          held: 2,
          rules: [
            { rule: "workload/host-path", effect: "hold", count: 1, by: "judged", who: ["corp:agent"] },
            { rule: "workload/host-path", effect: "hold", count: 1, by: "found" },
          ],
        },
        { namespace: "", denied: 1, rules: [{ rule: "secrets/list", effect: "deny" }] },
        { namespace: "dark", denied: 0, held: 0, unknown: 1, rules: [] },
        { namespace: "quiet", denied: 0, held: 0, unknown: 0, rules: [] },
      ],
      unknown: 1,
    });
    expect(answer.text).toMatch(/^nothing would have been stopped in quiet$/m);
    expect(answer.text).toContain("of 1 decisions, in dark, nothing is on record");
  });
});
