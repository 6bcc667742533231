import { expect, test } from "vitest";
import { namedQuery } from "../../audit/questions/named-queries.ts";
import { UserError } from "../../base/errors.ts";
import { parametersOf } from "../../cli/audit/parameters.ts";
import { renderRows } from "../../cli/audit/query.ts";
import { sallyport } from "./run.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
function parameters(name: string, ...options: string[]): object {
  const query = namedQuery(name);
  if (query === undefined) throw new Error(name);
  return parametersOf(query, { param: options }, NOW);
}

test("parameters are read as the question types them: times, numbers, lists and text", () => {
  expect(
    parameters(
      "privileged-operations",
      "since=24h",
      "limit=5",
      "outcome=blocked,denied",
      "outcome=unknown",
      "user=a=b",
    ),
  ).toEqual({
    since: "2026-11-21T12:00:00.000Z",
    limit: 5,
    outcome: ["blocked", "denied", "unknown"],
    user: "a=b",
  });
});

test("--since, --until and --limit are the parameters of those names", () => {
  const query = namedQuery("sessions");
  const found = query && parametersOf(query, { since: "2026-11-22", until: "2026-11-22T10:00:00Z", limit: "7" }, NOW);
  expect(found).toEqual({ since: "2026-11-22T00:00:00.000Z", until: "2026-11-22T10:00:00.000Z", limit: 7 });
});

test.each<[string, string, string[], RegExp]>([
  ["without a name", "sessions", ["=x"], /must be name=value/],
  ["without a value", "sessions", ["user"], /must be name=value/],
  ["that the question does not take", "sessions", ["usr=x"], /sessions has no parameter "usr"; did you mean "user"/],
  ["of the prototype", "sessions", ["constructor=x"], /has no parameter "constructor"/],
  ["given twice", "sessions", ["user=a", "user=b"], /user is given twice/],
  ["that is no number", "sessions", ["limit=many"], /must be a whole number above 0/],
  ["that is no time", "sessions", ["since=soon"], /"soon" is no time/],
  ["that is missing", "session-activity", [], /session-activity: needs --param session=…/],
])("a parameter %s is wrong usage", (_, name, options, message) => {
  const ask = (): object => parameters(name, ...options);
  expect(ask).toThrow(message);
  expect(ask).toThrow(expect.objectContaining({ exitCode: 2 }));
  expect(ask).toThrow(UserError);
});

test("a question that there is not is wrong usage, and the nearest is named", async () => {
  const { code, stderr } = await sallyport(["audit", "query", "privileged-operation"]);
  expect(code).toBe(2);
  expect(stderr).toContain('did you mean "privileged-operations"');
});

test("no question at all lists them, with their parameters", async () => {
  const { code, stdout } = await sallyport(["audit", "query"]);
  expect(code).toBe(0);
  expect(stdout).toContain("session-activity\n  what a session did");
  expect(stdout).toContain("since, until, limit, session (needed)");
});

test.each([
  ["a named question beside it", ["sessions"]],
  ["a period beside it", ["--since", "24h"]],
  ["a parameter beside it", ["--param", "user=x"]],
])("--sql with %s is wrong usage", async (_, more) => {
  const { code, stdout, stderr } = await sallyport(["audit", "query", ...more, "--sql", "SELECT 1"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("--sql is a question by itself");
});

test("rows of one's own SQL are shown whole: a count of 0 is an answer", () => {
  const row = { "n\x1b[2J": 0, of: "", map: { a: [1] }, lists: [["x"], []] };
  expect(renderRows([row], { whole: true })).toMatch(/^n.*: 0\nof: \nmap: \{"a":\[1\]\}\nlists: x, $/);
  expect(renderRows([row], { whole: true })).not.toContain("\x1b");
  expect(renderRows([{ kind: "read", rules: [], status: 0, name: "" }])).toBe("kind: read");
});
