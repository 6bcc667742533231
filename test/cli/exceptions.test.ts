import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backtestFiles } from "../../cli/exceptions/backtest.ts";
import { check } from "../../cli/exceptions/check.ts";
import { report } from "../../cli/exceptions/report.ts";
import type { RecordedRow } from "../../proxy/backtest/recorded.ts";
import { inThirtyDays, standingFile } from "../approvals/standing-files.ts";
import { folder } from "../engine/support.ts";
import { rowOf } from "./recorded-row.ts";

type Spec = Record<string, unknown>;
const PODS = "/api/v1/namespaces/shop/pods";
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", labels: { app: "web" } },
  spec: { containers: [], volumes: [{ name: "n", hostPath: { path: "/" } }] },
};
const RECORD = { rules: [], limit: "100000", examples: "5" };

const file = (name: string, spec: Spec = {}): string => standingFile(name, { notAfter: inThirtyDays(), ...spec });
/** For pods of the shop, by whoever is in corp:devs. */
const pods = (name: string, spec: Spec = {}): string => {
  const { match, ...rest } = spec;
  return file(name, { ...rest, match: { resources: ["/pods"], ...(match as object) } });
};

async function files(all: Record<string, string>, rows: RecordedRow[] = []): Promise<{ at: string; input: string }> {
  const named = Object.fromEntries(Object.entries(all).map(([name, text]) => [`exceptions/${name}.yaml`, text]));
  const at = await folder({ ...named, "recorded.ndjson": rows.map((row) => `${JSON.stringify(row)}\n`).join("") });
  return { at: join(at, "exceptions"), input: join(at, "recorded.ndjson") };
}

describe("exceptions check", () => {
  const GUARDRAILS = `apiVersion: sallyport.dev/v1alpha1
kind: Guardrails
exceptions: {maxLifeDays: 60, wildcards: [subjects]}
rules: {rbac/cluster-role-binding: {absolute: true}}
`;
  const PEOPLE = "people: [{identities: [corp:alice@example.com], agents: [corp:agent-alice]}]\n";

  const mistakes: [string, string, string][] = [
    [
      "that reaches too far ahead",
      file("logs", { notAfter: "2099-01-01T00:00:00Z" }),
      "spec.notAfter: is more than 60 days",
    ],
    [
      "that leaves more open than it may",
      file("logs", { match: { namespaces: ["*"] } }),
      "spec.match.namespaces: is left open",
    ],
    [
      "that nobody of the people answers for",
      file("logs", { owner: "user:corp:eve" }),
      'spec.owner: "user:corp:eve" is no person',
    ],
    [
      "for a rule that there is not",
      file("logs", { rules: ["workload/host-paths"] }),
      'did you mean "workload/host-path"?',
    ],
    [
      "for a rule that is absolute",
      file("logs", { rules: ["rbac/cluster-role-binding"] }),
      "is absolute: no exception lifts it",
    ],
    [
      "of tool calls alone, that asks for a namespace, which none of them has",
      file("logs", { rules: ["tool/unparsed"] }),
      "spec.match.namespaces: a tool call has the verb tool and the resource /<tool>",
    ],
    ["under another name", file("other"), 'metadata.name: must be "logs"'],
    ["that is no YAML", "spec: {", "line "],
    ["that names no connection", file("logs", { match: { connection: "*" } }), "must name one connection"],
  ];
  test.for(mistakes)("finds a file %s", async ([, text, why]) => {
    const { at } = await files({ logs: text });
    const more = await folder({ "guardrails.yaml": GUARDRAILS, "people.yaml": PEOPLE });
    const flags = { guardrails: join(more, "guardrails.yaml"), people: join(more, "people.yaml"), rules: [] };
    const answer = await check([at], flags);
    expect(answer.exitCode).toBe(1);
    expect(answer.text).toContain(why);
    expect((answer.json as { problems: object[] }).problems).toHaveLength(1);
  });

  test("finds each mistake of each file, and says which files", async () => {
    const { at } = await files({
      a: file("a", { rules: ["workload/none"], notAfter: "2099-01-01T00:00:00Z" }),
      b: file("b"),
      c: file("c", { extra: true }),
    });
    const { problems } = (await check([at], { rules: [] })).json as { problems: { file: string }[] };
    expect(problems.map(({ file: of }) => of.slice(-6))).toEqual(["a.yaml", "a.yaml", "c.yaml"]);
  });

  test("takes what has ended, and says so; what a hold made is for one request, and stays the gateway's own", async () => {
    const one = standingFile("0123456789abcdef-1").replace(
      /match:\n( {4}.*\n)+/,
      `match: {connection: prod, digest: ${"a".repeat(64)}, change: ${"b".repeat(64)}}\n`,
    );
    const { at } = await files({
      old: file("old", { notAfter: "2026-01-01T00:00:00Z" }),
      "0123456789abcdef-1": one,
    });
    const answer = await check([at], { rules: [] });
    expect(answer.exitCode).toBe(0);
    expect(answer.text).toContain("note: ");
    const byHand = await files({ mine: one.replace("0123456789abcdef-1", "mine") });
    expect((await check([byHand.at], { rules: [] })).text).toContain("is for one request");
  });
});

describe("exceptions backtest", () => {
  test("says what each would have let through, whose, and what stays stopped by other rules", async () => {
    const rows = [
      await rowOf({ method: "POST", path: PODS, body: POD, groups: ["corp:devs"] }),
      await rowOf(
        { method: "POST", path: PODS, body: POD, groups: ["corp:devs"], user: "corp:other" },
        { objects: false },
      ),
      await rowOf({
        method: "POST",
        path: PODS,
        body: { ...POD, spec: { ...POD.spec, hostNetwork: true } },
        groups: ["corp:devs"],
      }),
      await rowOf({ method: "POST", path: PODS, body: POD }),
      await rowOf({ method: "GET", path: `${PODS}/web`, groups: ["corp:devs"] }),
    ];
    const { at, input } = await files(
      { logs: pods("logs"), other: pods("other", { match: { namespaces: ["pay"] } }) },
      rows,
    );
    const answer = await backtestFiles([at], { ...RECORD, input });
    expect(answer.json).toMatchObject({
      judged: 5,
      exceptions: [
        { name: "logs", matched: 4, through: 2, stopped: 1, idle: 1, byFindings: 1, who: ["corp:agent", "corp:other"] },
        { name: "other", matched: 0, through: 0 },
      ],
    });
    expect(answer.text).toContain("logs: would have let through 2; of 4 requests that it is for");
    expect(answer.text).toContain("stopped all the same by workload/host-network");
  });

  test("says what would have been shown unmasked", async () => {
    const row = await rowOf(
      { method: "GET", path: "/api/v1/namespaces/shop/configmaps/web", groups: ["corp:devs"] },
      { profiles: ["baseline"] },
    );
    const secret = await rowOf({ method: "GET", path: "/api/v1/namespaces/shop/secrets/web", groups: ["corp:devs"] });
    const rules = [
      ...new Set((JSON.parse(secret.payload) as { findings: { rule: string }[] }).findings.map(({ rule }) => rule)),
    ];
    const spec = { rules, match: { resources: ["/secrets"] } };
    const { at, input } = await files(
      { masked: file("masked", spec), shown: file("shown", { ...spec, unmask: true }) },
      [row, secret],
    );
    const { exceptions } = (await backtestFiles([at], { ...RECORD, input })).json as { exceptions: object[] };
    expect(exceptions).toMatchObject([
      { name: "masked", matched: 1, through: 0, unmasked: 0, idle: 1 },
      { name: "shown", matched: 1, unmasked: 1 },
    ]);
  });

  test("in Markdown, no text of an agent's and no name of a user's can act", async () => {
    const user = "</details>@octocat [x](https://evil.example) www.evil.example";
    const row = await rowOf({ method: "POST", path: PODS, body: POD, groups: ["corp:devs"], user });
    const { at, input } = await files({ logs: pods("logs") }, [row]);
    const { text } = await backtestFiles([at], { ...RECORD, input, markdown: true });
    expect(text).toContain("octocat");
    expect(text).not.toMatch(/@octocat|&#64;octocat|\]\(|:\/\/|www\.|<\/details>\S/);
  });
});

describe("exceptions report", () => {
  test("counts what was lifted of tool calls and dialogues as use, of which no question is on record", async () => {
    const row = await rowOf({ method: "POST", path: PODS, body: POD });
    const findings = [{ rule: "tool/unparsed", effect: "allow", exception: "shell" }];
    const rows = ["dialogue.tool_use", "dialogue.prompt"].map((kind, n) => ({
      ...row,
      kind,
      payload: JSON.stringify({ decisionId: `d-${n}`, findings }),
    }));
    const match = { connection: "claude", resources: ["/Bash"], namespaces: [] };
    const { at, input } = await files({ shell: file("shell", { rules: ["tool/unparsed"], match }) }, rows);
    const { json } = await report([at], { ...RECORD, input, expiring: "14d" });
    expect((json as { items: object[] }).items).toMatchObject([{ name: "shell", uses: 2, wider: [] }]);
  });

  test("names those that were never used, that end soon, that have ended, and that are wider than their use", async () => {
    const rows = [
      await rowOf({ method: "POST", path: PODS, body: POD, groups: ["corp:devs"] }, { exception: "wide" }),
      await rowOf({ method: "POST", path: PODS, body: POD, groups: ["corp:devs"] }, { exception: "exact" }),
    ];
    const exact = {
      subjects: [{ issuer: "", username: "corp:agent" }],
      match: { verbs: ["create"], names: ["web"] },
    };
    const { at, input } = await files(
      {
        exact: pods("exact", exact),
        never: pods("never"),
        old: pods("old", { notAfter: "2026-01-01T00:00:00Z" }),
        soon: pods("soon", { notAfter: new Date(Date.now() + 86_400_000).toISOString() }),
        wide: pods("wide", {
          rules: ["workload/host-path", "workload/host-network"],
          match: { namespaces: ["sh*", "pay"] },
        }),
      },
      rows,
    );
    const answer = await report([at], { ...RECORD, input, expiring: "14d" });
    const { items } = answer.json as {
      items: { name: string; uses: number; wider: { path: string; used: string[] }[] }[];
    };
    const wider = (name: string): string[] =>
      items.find((item) => item.name === name)?.wider.map(({ path }) => path) ?? [];
    expect(items.map(({ name, uses }) => [name, uses])).toEqual([
      ["exact", 1],
      ["never", 0],
      ["old", 0],
      ["soon", 0],
      ["wide", 1],
    ]);
    expect(wider("exact")).toEqual([]);
    expect(wider("wide")).toEqual([
      "spec.rules",
      "spec.subjects",
      "spec.match.verbs",
      "spec.match.namespaces",
      "spec.match.names",
    ]);
    expect(answer.text).toMatch(
      /never used:\n {2}never: .*\n {2}soon: [\s\S]*ends soon:\n {2}soon: [\s\S]*has ended, and can be deleted:\n {2}old/,
    );
    expect(answer.text).toContain("spec.match.namespaces allows sh*, pay; used: shop");
  });
});
