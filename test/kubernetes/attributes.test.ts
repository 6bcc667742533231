import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { deleteOptions } from "../../kubernetes/body/options.ts";

interface Case {
  method: string;
  target: string;
  expect: Record<string, unknown>;
}
/** Recorded from RequestInfoFactory of k8s.io/apiserver v0.36.3. */
const cases = JSON.parse(readFileSync(new URL("./data/request-info.json", import.meta.url), "utf8")) as Case[];

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "served";
};
const read = (method: string, target: string) => requestAttributes(method, target, {});

describe("path differential: a request is what the API server's RequestInfoFactory says", () => {
  test.each(cases.map((c) => [c.method, c.target, c.expect] as const))("%s %s", (method, target, expected) => {
    if (expected.error === true) expect(codeOf(() => read(method, target))).toBe("bad-target");
    else expect(read(method, target)).toMatchObject(expected);
  });
});

const REFUSED: [string, string][] = [
  ["absolute form", "http://other/api/v1/secrets"],
  ["absolute form with another scheme", "HTTPS://other/"],
  ["authority form", "other:443"],
  ["asterisk form", "*"],
  ["an empty target", ""],
  ["an encoded slash", "/api/v1/namespaces/a%2Fsecrets/x"],
  ["an encoded slash in lower case", "/api/v1/namespaces/a%2fpods"],
  ["a doubly encoded slash", "/api/v1/namespaces/a%252fpods"],
  ["a backslash", "/api/v1\\secrets"],
  ["an encoded backslash", "/api/v1%5csecrets"],
  ["a dot segment", "/api/v1/./secrets"],
  ["a dot-dot segment", "/api/v1/pods/../secrets"],
  ["an encoded dot-dot segment", "/api/v1/pods/%2e%2E/secrets"],
  ["a half-encoded dot-dot segment", "/api/v1/pods/.%2e/secrets"],
  ["an empty segment", "/api//v1/secrets"],
  ["two slashes in front", "//other/api/v1/secrets"],
  ["two slashes at the end", "/api/v1/secrets//"],
  ["an invalid escape", "/api/v1/%zz"],
  ["a cut escape", "/api/v1/a%2"],
  ["an escape that is no UTF-8", "/api/v1/pods/%ff"],
  ["a NUL", "/api/v1/pods/a\0"],
  ["an encoded NUL", "/api/v1/pods/a%00"],
  ["an encoded newline", "/api/v1/pods/a%0a"],
  ["a raw space", "/api/v1/pods/a b"],
  ["raw Latin-1", "/api/v1/pods/\u00e9"],
  ["a fragment", "/api/v1/pods#x"],
  ["a path over 8 KiB", `/api/v1/${"a".repeat(8200)}`],
  ["a query over 16 KiB", `/api/v1/pods?x=${"a".repeat(16400)}`],
  ["query differential: a semicolon in the query", "/api/v1/pods/p/exec?command=ls;command=rm"],
  ["query differential: an invalid escape in the query", "/api/v1/pods?watch=%zz"],
  ["query differential: a cut escape in a name of the query", "/api/v1/pods?watc%6=1"],
  ["an encoded NUL in the query", "/api/v1/pods?a=%00"],
  ["a thousand parameters", `/api/v1/pods?${"a&".repeat(1001)}`],
];

test.each(REFUSED)("%s is refused", (_title, target) => {
  expect(codeOf(() => read("GET", target))).toBe("bad-target");
});

test.each(["CONNECT", "TRACE", "OPTIONS", "get", "PROPFIND", "__proto__", "constructor"])(
  "the method %s is refused",
  (method) => {
    expect(codeOf(() => read(method, "/api/v1/pods"))).toBe("method-not-allowed");
  },
);

const OPERATIONS: [string, string, string][] = [
  ["POST", "/api/v1/namespaces/a/pods", "CREATE"],
  ["PUT", "/api/v1/namespaces/a/pods/p", "UPDATE"],
  ["PATCH", "/api/v1/namespaces/a/pods/p", "UPDATE"],
  ["DELETE", "/api/v1/namespaces/a/pods/p", "DELETE"],
  ["DELETE", "/api/v1/namespaces/a/pods", "DELETE"],
  ["GET", "/api/v1/namespaces/a/pods", ""],
  ["GET", "/api/v1/namespaces/a/pods/p/log", ""],
  ["POST", "/healthz", ""],
];
test.each(OPERATIONS)("%s %s is the operation %j", (method, target, operation) => {
  expect(read(method, target).operation).toBe(operation);
});

test.each(
  ["exec", "attach", "portforward", "proxy"].flatMap((sub) =>
    ["GET", "POST", "PUT", "PATCH", "DELETE"].map((m) => [m, sub] as const),
  ),
)("kubernetes 78741, 134577, PR 136550: %s on /%s is CONNECT whatever the method", (method, sub) => {
  expect(read(method, `/api/v1/namespaces/a/pods/p/${sub}`).operation).toBe("CONNECT");
});

test("kubernetes PR 136550: GET on nodes/proxy is CONNECT, also under the deprecated prefix", () => {
  expect(read("GET", "/api/v1/nodes/n/proxy/run/x").operation).toBe("CONNECT");
  expect(read("GET", "/api/v1/proxy/nodes/n").operation).toBe("CONNECT");
});

test("query differential: every command of an exec is kept, in order, decoded as Go decodes it", () => {
  const target = "/api/v1/namespaces/a/pods/p/exec?command=sh&command=-c&command=a+b%2Bc&container=c&stdin=true&tty=0";
  expect(read("GET", target).exec).toEqual({ command: ["sh", "-c", "a b+c"], container: "c", stdin: true, tty: false });
});

const DRY_RUNS: [string, string, boolean][] = [
  ["POST", "/api/v1/namespaces/a/pods?dryRun=All", true],
  ["POST", "/api/v1/namespaces/a/pods?dryRun=All&dryRun=All", true],
  ["POST", "/api/v1/namespaces/a/pods?dryRun=all", false],
  ["POST", "/api/v1/namespaces/a/pods?dryRun=", false],
  ["POST", "/api/v1/namespaces/a/pods?dryRun=All&dryRun=None", false],
  ["POST", "/api/v1/namespaces/a/pods", false],
  ["POST", "/api/v1/namespaces/a/pods/p/exec?dryRun=All", false],
  ["GET", "/api/v1/namespaces/a/pods?dryRun=All", false],
];
test.each(DRY_RUNS)("%s %s: dry run is %j", (method, target, dryRun) => {
  expect(read(method, target).dryRun).toBe(dryRun);
});

test("a query parameter named __proto__ is a parameter", () => {
  expect(Object.keys(read("GET", "/api/v1/pods?__proto__=a&constructor=b").query)).toEqual([
    "__proto__",
    "constructor",
  ]);
});

test("headers give accept, content type and the patch type as the API server reads it", () => {
  const patch = (contentType: string) =>
    requestAttributes("PATCH", "/api/v1/namespaces/a/pods/p", { "content-type": contentType }).patchType;
  expect(patch("application/apply-patch+yaml")).toBe("apply");
  expect(patch("application/json-patch+json;charset=utf-8")).toBe("json");
  expect(patch("application/merge-patch+json ; x=y")).toBe("");
  expect(patch("Application/Merge-Patch+JSON")).toBe("");
});

test("any target is read or refused, and nothing else happens", () => {
  fc.assert(
    fc.property(fc.constantFrom("GET", "POST", "DELETE"), fc.string({ unit: "binary" }), (method, tail) => {
      expect(["served", "bad-target"]).toContain(codeOf(() => read(method, `/${tail}`)));
    }),
    { numRuns: 500 },
  );
});

describe("query differential: of a repeated parameter the first counts, as to Go's own converters", () => {
  test.each([
    ["watch", "GET", "/api/v1/pods?watch=0&watch=1", { verb: "list", watch: false }],
    ["watch, the other way round", "GET", "/api/v1/pods?watch=1&watch=0", { verb: "watch", watch: true }],
    [
      "fieldSelector",
      "GET",
      "/api/v1/pods?fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db",
      { name: "a" },
    ],
    ["dryRun, of which each must be All", "POST", "/api/v1/pods?dryRun=All&dryRun=", { dryRun: false }],
    ["dryRun, twice", "POST", "/api/v1/pods?dryRun=All&dryRun=All", { dryRun: true }],
  ])("%s", (_title, method, target, expected) => {
    expect(read(method, target)).toMatchObject(expected);
  });

  test("command has all of them, container the first", () => {
    const { exec } = read(
      "POST",
      "/api/v1/namespaces/a/pods/p/exec?command=sh&command=-c&container=a&container=b&tty=0&tty=1",
    );
    expect(exec).toEqual({ command: ["sh", "-c"], container: "a", stdin: false, tty: false });
  });
});

test("an int64 option of a delete is kept exactly", () => {
  const { gracePeriodSeconds } = deleteOptions(
    read("DELETE", "/api/v1/namespaces/a/pods/p?gracePeriodSeconds=92233720368547758"),
    null,
  );
  expect(JSON.stringify(gracePeriodSeconds)).toBe("92233720368547758");
});
