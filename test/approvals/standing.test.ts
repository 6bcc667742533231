import { expect, test } from "vitest";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { StandingIndex, type StandingQuestion, settled } from "../../approvals/standing/standing.ts";
import { standingFile } from "./standing-files.ts";

type Spec = Record<string, unknown>;

function standing(spec: Spec = {}, name = "logs"): StandingException {
  const parsed = parseStanding(name, standingFile(name, { notAfter: "2026-12-24T00:00:00Z", ...spec }));
  if (parsed === undefined) throw new Error("no standing exception");
  return parsed;
}

const NOW = Date.parse("2026-11-22T10:00:00Z");

function question(request: Partial<StandingQuestion["request"]> = {}, rest: Partial<StandingQuestion> = {}) {
  return {
    connection: { name: "prod" },
    user: { issuer: "corp", username: "corp:agent", groups: ["corp:devs"] },
    request: {
      verb: "update",
      operation: "UPDATE",
      resource: { group: "apps", resource: "deployments" },
      subResource: "",
      nonResource: false,
      namespace: "shop",
      name: "web",
      ...request,
    },
    ...rest,
  } satisfies StandingQuestion;
}

function applies(spec: Spec, asked: StandingQuestion = question(), now = NOW): boolean {
  const { sure, open } = new StandingIndex([standing(spec)]).candidates(asked, now);
  return [...sure, ...open.filter((one) => settled(one, asked))].length === 1;
}

const pods = { resource: { group: "", resource: "pods" } };
const exec = { ...pods, subResource: "exec", operation: "CONNECT" };

test.for<[string, Spec, StandingQuestion]>([
  ["of its group", {}, question()],
  ["of its user", { subjects: [{ issuer: "corp", username: "corp:agent" }] }, question()],
  ["of anybody, in its namespace", { subjects: [] }, question()],
  ["of one of its verbs", { match: { verbs: ["patch", "update"] } }, question()],
  ["for any name that its glob matches", { match: { names: ["we*"] } }, question()],
  ["in a namespace that its glob matches", { match: { namespaces: ["sh*", "!shipping"] } }, question()],
  ["of a resource by a star", { match: { resources: ["apps/*"] } }, question()],
  ["of a resource of the core group", { match: { resources: ["/pods"] } }, question(pods)],
  ["of a subresource that it names", { match: { resources: ["/pods/exec"] } }, question({ ...exec, verb: "get" })],
  [
    "of a connect, over WebSocket",
    { match: { resources: ["/pods/*"], verbs: ["connect"] } },
    question({ ...exec, verb: "get" }),
  ],
  [
    "of a connect, over SPDY",
    { match: { resources: ["/pods/*"], verbs: ["connect"] } },
    question({ ...exec, verb: "create" }),
  ],
  ["of a create whose body names it", { match: { names: ["web"] } }, question({ verb: "create", operation: "CREATE" })],
  [
    "of an object with its labels, that keeps them",
    { match: { labels: { team: "a" } } },
    question(
      {},
      { oldObject: { metadata: { labels: { team: "a" } } }, object: { metadata: { labels: { team: "a", x: "y" } } } },
    ),
  ],
  [
    "of a pod with its labels",
    { match: { labels: { team: "a" }, resources: ["/pods/exec"] } },
    question(exec, { target: { labels: { team: "a" } } }),
  ],
])("an exception applies to a request %s", ([, spec, asked]) => {
  expect(applies(spec, asked)).toBe(true);
});

test.for<[string, Spec, StandingQuestion]>([
  ["on another connection", { match: { connection: "staging" } }, question()],
  ["of another group", { subjects: [{ group: "corp:ops" }] }, question()],
  ["of another user", { subjects: [{ issuer: "corp", username: "corp:bob" }] }, question()],
  ["of a user of that name of another issuer", { subjects: [{ issuer: "ci", username: "corp:agent" }] }, question()],
  ["of a user who is called like its group", { subjects: [{ group: "corp:agent" }] }, question()],
  ["of another verb", { match: { verbs: ["patch"] } }, question()],
  [
    "of a connect, by the verb that carries it",
    { match: { resources: ["/pods/exec"], verbs: ["get"] } },
    question({ ...exec, verb: "get" }),
  ],
  ["of another resource", { match: { resources: ["apps/daemonsets"] } }, question()],
  ["of another group's resource", { match: { resources: ["extensions/deployments"] } }, question()],
  ["of a subresource, where it names the resource", {}, question({ subResource: "scale" })],
  ["of the resource, where it names a subresource", { match: { resources: ["apps/deployments/scale"] } }, question()],
  [
    "of a subresource, where a star stands for the resource",
    { match: { resources: ["apps/*"] } },
    question({ subResource: "scale" }),
  ],
  ["of a resource that it excludes", { match: { resources: ["apps/*", "!apps/deployments"] } }, question()],
  [
    "of a path that is no resource",
    {},
    question({ nonResource: true, resource: { group: "", resource: "" }, namespace: "" }),
  ],
  ["in another namespace", { match: { namespaces: ["pay"] } }, question()],
  ["in a namespace that it excludes", { match: { namespaces: ["*", "!shop"] } }, question()],
  ["across all namespaces", {}, question({ namespace: "", verb: "list", operation: "" })],
  [
    "across all namespaces, where it leaves one out",
    { match: { namespaces: ["*", "!pay"] } },
    question({ namespace: "" }),
  ],
  ["for another name", { match: { names: ["api"] } }, question()],
  [
    "for a list, where it is for a name",
    { match: { names: ["*b"] } },
    question({ verb: "list", operation: "", name: "" }),
  ],
  [
    "of an object with other labels",
    { match: { labels: { team: "a" } } },
    question({}, { oldObject: { metadata: { labels: { team: "b" } } } }),
  ],
  ["of an object whose labels are not known", { match: { labels: { team: "a" } } }, question()],
  [
    "of an object whose labels only the request says",
    { match: { labels: { team: "a" } } },
    question({}, { oldObject: { metadata: {} }, object: { metadata: { labels: { team: "a" } } } }),
  ],
  [
    "that takes its labels away",
    { match: { labels: { team: "a" } } },
    question({}, { oldObject: { metadata: { labels: { team: "a" } } }, object: { metadata: {} } }),
  ],
  [
    "of a label that every object inherits from JavaScript",
    { match: { labels: { constructor: "a" } } },
    question({}, { oldObject: { metadata: { labels: {} } } }),
  ],
])("an exception does not apply to a request %s", ([, spec, asked]) => {
  expect(applies(spec, asked)).toBe(false);
});

test("an exception applies until its notAfter and no longer", () => {
  const notAfter = Date.parse("2026-12-24T00:00:00Z");
  expect(applies({}, question(), notAfter - 1)).toBe(true);
  expect(applies({}, question(), notAfter)).toBe(false);
});

test.for<[string, Spec, string]>([
  [
    "stands for everybody, everywhere, on everything",
    { subjects: [], match: { resources: [], namespaces: [] } },
    "stands for everybody",
  ],
  [
    "says so with stars",
    { subjects: [{ group: "*" }], match: { resources: ["*"], namespaces: ["*"] } },
    "stands for everybody",
  ],
  [
    "names the group of every login",
    { subjects: [{ group: "system:authenticated" }], match: { resources: ["*/*"], namespaces: ["**"] } },
    "stands for everybody",
  ],
  [
    "only leaves something out",
    { subjects: [], match: { resources: ["!/secrets"], namespaces: ["!pay"] } },
    "stands for everybody",
  ],
  [
    "has a star beside its subject",
    { subjects: [{ group: "corp:devs" }, { group: "*" }], match: { resources: ["*"], namespaces: ["*"] } },
    "stands for everybody",
  ],
  ["excludes a part of a resource", { match: { resources: ["*/!pods"] } }, '"*/!pods" is no group/resource'],
  ["names a resource without its group", { match: { resources: ["pods"] } }, '"pods" is no group/resource'],
  ["has an unknown key", { match: { namespace: ["shop"] } }, "namespace"],
])("an exception that %s is refused when it is loaded", ([, spec, why]) => {
  expect(() => standing(spec)).toThrow(why);
});

test.for<[string, Spec]>([
  ["its subject", { match: { resources: ["*"], namespaces: ["*"] } }],
  ["its namespace", { subjects: [], match: { resources: ["*"] } }],
  ["its resource", { subjects: [], match: { namespaces: ["*"] } }],
])("an exception that is no wildcard in %s is taken", ([, spec]) => {
  expect(standing(spec).name).toBe("logs");
});

test("candidates come in order of their names, each once, and those of others not at all", () => {
  const mine = ["c", "a", "b"].map((name) =>
    standing(
      {
        subjects: [{ group: "corp:devs" }, { issuer: "corp", username: "corp:agent" }],
        match: { namespaces: ["shop", "sh*"] },
      },
      name,
    ),
  );
  const others = Array.from({ length: 500 }, (_, i) =>
    standing({ match: { namespaces: [`team-${i}`] } }, `other-${i}`),
  );
  const { sure, open } = new StandingIndex([...mine, ...others]).candidates(question(), NOW);
  expect(sure.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(open).toEqual([]);
});
