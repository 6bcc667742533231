import { describe, expect, test } from "vitest";
import { checkApplier } from "../../approvals/standing/applier.ts";
import { StandingBook } from "../../approvals/standing/book.ts";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { idleIssue } from "../../approvals/standing/idle.ts";
import type { StandingLimits } from "../../approvals/standing/meaning.ts";
import type { StandingQuestion } from "../../approvals/standing/standing.ts";
import type { Actor } from "../../approvals/types.ts";
import { DEFAULT_EXCEPTION_LIMITS, type ExceptionLimits } from "../../base/config/guardrails.ts";
import { silentLog } from "../../base/log.ts";
import { actor, alice, bob, carol, FakeClock, people } from "./embedded.ts";
import { standingFile } from "./standing-files.ts";

type Spec = Record<string, unknown>;

const asked: StandingQuestion = {
  connection: { name: "prod" },
  user: { issuer: "corp", username: "corp:agent", groups: ["corp:devs"] },
  request: {
    verb: "create",
    operation: "CREATE",
    resource: { group: "apps", resource: "deployments" },
    subResource: "",
    nonResource: false,
    namespace: "shop",
    name: "web",
  },
};

/** A book with these files, by the name of each. */
async function book(files: Record<string, string>, limits: Partial<StandingLimits> = {}) {
  const clock = new FakeClock();
  const inForce = { ...DEFAULT_EXCEPTION_LIMITS, ...limits };
  const opened = new StandingBook({ people, limits: () => inForce, clock, log: silentLog, staleMs: 60_000 });
  const set = (all: Record<string, string>): Promise<void> =>
    opened.set(
      new Map(Object.entries(all).map(([name, text]) => [name, { id: text }])),
      new Map(Object.entries(all).map(([name, text]) => [name, { text }])),
    );
  await set(files);
  opened.seen();
  return { book: opened, clock, limits: inForce, set };
}

const CASES: [what: string, spec: Spec, limits: Partial<ExceptionLimits>, why: string][] = [
  ["stands for longer than the guardrails allow", { notAfter: "2027-02-21T00:00:00Z" }, {}, "more than 90 days"],
  ["stands for longer than they allow now", {}, { maxLifeDays: 7 }, "more than 7 days"],
  [
    "is for anybody where they do not allow it",
    { subjects: [] },
    { wildcards: ["namespaces", "resources"] },
    "spec.subjects",
  ],
  [
    "is for every login where they do not allow it",
    { subjects: [{ group: "system:authenticated" }] },
    { wildcards: [] },
    "spec.subjects",
  ],
  [
    "is for every namespace where they do not",
    { match: { namespaces: [] } },
    { wildcards: [] },
    "spec.match.namespaces",
  ],
  ["says so with a star", { match: { namespaces: ["!pay", "*"] } }, { wildcards: [] }, "spec.match.namespaces"],
  [
    "is for every resource where they do not",
    { match: { resources: ["*"] } },
    { wildcards: [] },
    "spec.match.resources",
  ],
  ["has an owner whom nobody listed", { owner: "user:corp:mallory" }, {}, "is no person of people"],
  ["has an agent for its owner", { owner: "user:corp:agent-alice" }, {}, "is no person of people"],
  [
    "was asked for by an agent, and has no owner",
    { requestedBy: { issuer: "corp", username: "corp:agent-alice", session: "" } },
    {},
    "is no person of people",
  ],
  [
    "has nobody for its owner",
    { requestedBy: { issuer: "corp", username: "", session: "" } },
    {},
    "nobody answers for it",
  ],
  ["has an owner that is neither user nor group", { owner: "corp:alice" }, {}, "spec.owner"],
  ["is for any connection", { match: { connection: "*" } }, {}, "must name one connection"],
  ["has a key twice", {}, {}, "duplicated"],
  ["has a key that nobody knows", { unmasked: true }, {}, 'did you mean "unmask"'],
];
test.for(CASES)(
  "a standing exception that %s stands for nothing, and is reported with why",
  async ([what, spec, limits, why]) => {
    const text = standingFile("logs", spec);
    const broken = what.endsWith("twice")
      ? text.replace("  rules:", "  unmask: false\n  unmask: true\n  rules:")
      : text;
    const { book: opened } = await book(
      { logs: broken, other: standingFile("other", { notAfter: "2026-11-23T00:00:00Z" }) },
      limits,
    );
    expect(opened.malformed()).toEqual([{ name: "logs", error: expect.stringContaining(why) }]);
    expect(opened.candidates(asked).sure.map(({ name }) => name)).toEqual(["other"]);
  },
);

test("a listed person's other spelling, and a group that cannot be looked up, answer for an exception", async () => {
  const { book: opened } = await book({
    a: standingFile("a", { owner: `user:${alice.username.toUpperCase()}` }),
    b: standingFile("b", { owner: "group:corp:platform" }),
  });
  expect(opened.malformed()).toEqual([]);
  expect(opened.size).toBe(2);
});

test("guardrails that allow less take an exception out of force, and whoever stands on it is told", async () => {
  const { book: opened, limits } = await book({ logs: standingFile("logs") });
  let told = 0;
  opened.onChange(() => told++);
  limits.maxLifeDays = 1;
  await opened.judge();
  expect(opened.candidates(asked).sure).toEqual([]);
  expect(opened.malformed()).toHaveLength(1);
  expect(told).toBe(1);
});

test("what could not be looked at for too long lifts nothing, and lifts again once it was", async () => {
  const clock = new FakeClock();
  const limits = () => DEFAULT_EXCEPTION_LIMITS;
  const opened = new StandingBook({ people, limits, clock, log: silentLog, staleMs: 60_000 });
  await opened.set(new Map([["logs", { id: "1" }]]), new Map([["logs", { text: standingFile("logs") }]]));
  expect(opened.size).toBe(1);
  expect(opened.candidates(asked).sure).toEqual([]);
  expect(opened.standing(asked, new Set(["logs"])).sure).toEqual([]);
  opened.seen();
  expect(opened.candidates(asked).sure).toHaveLength(1);
});

test("one that has expired is no mistake of its file", async () => {
  const { book: opened } = await book({ logs: standingFile("logs", { notAfter: "2026-11-01T00:00:00Z" }) });
  expect(opened.malformed()).toEqual([]);
  expect(opened.size).toBe(0);
});

test("files are aliases, types and depths of no kind that could cost more than their length", async () => {
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ..."bcdefgh".split("").map((c, i) => {
      const before = "abcdefgh"[i];
      return `${c}: &${c} [${`*${before},`.repeat(9)}]`;
    }),
  ].join("\n");
  const { book: opened } = await book({
    bomb,
    deep: `spec: ${"[".repeat(30_000)}`,
    proto: standingFile("proto").replace("spec:", "__proto__: {kind: x}\nspec:"),
    tag: standingFile("tag").replace("kind: PolicyException", "kind: !!js/function 'x'"),
    long: `# ${"x".repeat(70_000)}\n${standingFile("long")}`,
    two: `${standingFile("two")}---\n${standingFile("two")}`,
    empty: "",
  });
  expect(
    opened
      .malformed()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(["bomb", "deep", "empty", "long", "proto", "tag", "two"]);
  expect(opened.size).toBe(0);
});

test("a change of one among many leaves the index as a new one of all of them would be", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => {
      const spec = { match: { namespaces: [`team-${i % 7}`, ...(i % 3 === 0 ? ["shop"] : [])] } };
      return [`e-${i}`, standingFile(`e-${i}`, spec)] as const;
    }),
  );
  const { book: opened, set } = await book(many);
  const names = (): string[] => opened.candidates(asked).sure.map(({ name }) => name);
  expect(names()).toHaveLength(100);
  const { "e-0": _, ...rest } = many;
  const changed = {
    ...rest,
    "e-1": standingFile("e-1"),
    "e-3": standingFile("e-3", { match: { namespaces: ["pay"] } }),
  };
  await set(changed);
  const { book: fresh } = await book(changed);
  expect(names()).toEqual(fresh.candidates(asked).sure.map(({ name }) => name));
  expect(names()).toContain("e-1");
  expect(names()).not.toContain("e-3");
});

const devs = (who: Actor): Actor => ({ ...who, groups: ["corp:devs"] });
test.for<[string, Record<string, unknown>, Actor]>([
  ["who asked for it", {}, alice],
  ["who asked for it, by another login", {}, actor("corp:alice-admin@example.com")],
  ["who answers for it", { owner: `user:${bob.username}` }, bob],
  ["who is of the group that answers for it", { owner: "group:corp:oncall" }, bob],
  ["whom it names", { subjects: [{ issuer: "corp", username: bob.username }] }, bob],
  ["whose agent it names", { subjects: [{ issuer: "corp", username: "corp:agent-bob" }] }, bob],
  ["who is of the group that it names", {}, devs(bob)],
  ["whom nobody listed", {}, actor("corp:mallory@example.com")],
  ["who is an agent", {}, actor("corp:agent-bob")],
])("an exception is not applied by somebody %s", ([, spec, who]) => {
  const exception = parseStanding("logs", standingFile("logs", spec));
  if (exception === undefined) throw new Error("no standing exception");
  expect(() => checkApplier(people, exception, who)).toThrow(expect.objectContaining({ code: "forbidden" }));
  expect(() => checkApplier(people, exception, carol)).not.toThrow();
});

describe("an exception of a rule that is about", () => {
  const ABOUT: Record<string, { requests: boolean; dialogues: boolean }> = {
    "workload/host-path": { requests: true, dialogues: false },
    "tool/unparsed": { requests: false, dialogues: true },
    "ours/both": { requests: true, dialogues: true },
  };
  const idle = (spec: Spec): string | undefined => {
    const exception = parseStanding("one", standingFile("one", spec)) as StandingException;
    const sides = { prod: "requests", claude: "dialogues" } as const;
    const issue = idleIssue(
      exception,
      (rule) => ABOUT[rule],
      (name) => sides[name as "prod"],
    );
    return issue === undefined ? undefined : `${issue.path}: ${issue.message}`;
  };
  const tool = { rules: ["tool/unparsed"] };
  const bash = { connection: "claude", resources: ["/Bash"], namespaces: [] };

  test.for<[string, Spec, RegExp | undefined]>([
    ["requests, on a cluster's connection", {}, undefined],
    ["tool calls, on a model's connection", { ...tool, match: bash }, undefined],
    ["tool calls, with the verb", { ...tool, match: { ...bash, verbs: ["tool"] } }, undefined],
    ["tool calls, of people alone", { ...tool, match: { ...bash, resources: undefined } }, undefined],
    ["tool calls, on a connection that nobody knows", { ...tool, match: { ...bash, connection: "x" } }, undefined],
    ["both, on a cluster's connection", { rules: ["ours/both"] }, undefined],
    ["something that nobody knows", { rules: ["ours/unheard-of"] }, undefined],
    ["tool calls, beside one of requests", { rules: ["tool/unparsed", "workload/host-path"] }, undefined],
    [
      "tool calls, on a cluster's connection",
      tool,
      /match.connection: "prod" has no tool calls and dialogues, .*tool\/unparsed/,
    ],
    ["requests, on a model's connection", { match: bash }, /match.connection: "claude" has no requests to clusters/],
    [
      "both, on a model's connection with a namespace",
      { rules: ["ours/both"], match: { ...bash, namespaces: ["shop"] } },
      /match.namespaces: a tool call has the verb tool/,
    ],
    ["tool calls, with another verb", { ...tool, match: { ...bash, verbs: ["create"] } }, /match.verbs: /],
    ["tool calls, with a name", { ...tool, match: { ...bash, names: ["a"] } }, /match.names: /],
    ["tool calls, with labels", { ...tool, match: { ...bash, labels: { a: "b" } } }, /match.labels: /],
    [
      "tool calls, on a resource of a group",
      { ...tool, match: { ...bash, resources: ["apps/deployments"] } },
      /match.resources: /,
    ],
  ])("%s says so where it would lift nothing", ([, spec, why]) => {
    if (why === undefined) expect(idle(spec)).toBeUndefined();
    else expect(idle(spec)).toMatch(why);
  });

  test("stands for nothing where it would lift nothing", async () => {
    const files = { one: standingFile("one") };
    const said = (exception: Pick<StandingException, "rules">) => ({ path: "spec", message: exception.rules.join() });
    const { book: opened } = await book(files, { idle: said });
    expect([opened.size, opened.malformed()]).toEqual([0, [{ name: "one", error: "spec: workload/host-path" }]]);
  });
});
