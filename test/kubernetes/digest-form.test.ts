import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../base/canonical-json.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { parseStrictJson } from "../../kubernetes/body/json.ts";
import { type DigestSubject, digestForm } from "../../kubernetes/digest-form.ts";
import { parsePatch } from "../../kubernetes/patch.ts";
import type { KubernetesObject } from "../../kubernetes/types.ts";

interface Given {
  method?: string;
  target?: string;
  connection?: string;
  username?: string;
  contentType?: string;
  body?: DigestSubject["body"];
}
const PODS = "/api/v1/namespaces/a/pods";
const form = ({
  method = "POST",
  target = PODS,
  connection = "prod",
  username = "corp:a",
  contentType = "application/json",
  body = null,
}: Given): string =>
  canonicalJson(
    digestForm({
      connection,
      requester: { issuer: "corp", username },
      attributes: requestAttributes(method, target, { "content-type": contentType }),
      contentType,
      body,
    }),
  );
const object = (text: string): Given => ({ body: { object: parseStrictJson(text) as KubernetesObject } });
const patch = (type: "json" | "merge" | "strategic", text: string): Given => ({
  method: "PATCH",
  target: `${PODS}/p`,
  body: { patch: parsePatch(type, text) },
});
const exec = (method: string, query: string): Given => ({ method, target: `${PODS}/p/exec?${query}` });
const restarted = (at: string): Given =>
  patch(
    "strategic",
    `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"${at}"}}}}}`,
  );

const SAME: [string, Given, Given][] = [
  [
    "kubectl's WebSocket and SPDY attempts at one exec",
    exec("GET", "command=ls&container=c"),
    exec("POST", "command=ls&container=c"),
  ],
  ["the order of parameters", { target: `${PODS}?b=2&a=1` }, { target: `${PODS}?a=1&b=2` }],
  ["the spelling of the query", { target: `${PODS}?a=%61` }, { target: `${PODS}?%61=a` }],
  ["the timeout", { target: `${PODS}?timeout=30s` }, { target: PODS }],
  [
    "the order of keys and the white space of a body",
    object('{"a":1,"b":{"c":2,"d":3}}'),
    object(' {"b":{"d":3,"c":2},"a":1.0}'),
  ],
  [
    "the resourceVersion of a body",
    object('{"metadata":{"name":"x","resourceVersion":"1"}}'),
    object('{"metadata":{"name":"x"}}'),
  ],
  [
    "the resourceVersion of a JSON patch",
    patch("json", '[{"op":"add","path":"/metadata/resourceVersion","value":"1"}]'),
    patch("json", "[]"),
  ],
  [
    "the debugger's name",
    object('{"spec":{"ephemeralContainers":[{"name":"debugger-ab1c2"}]}}'),
    object('{"spec":{"ephemeralContainers":[{"name":"debugger-zzzzz"}]}}'),
  ],
  ["when a rollout was restarted", restarted("2026-11-22T10:00:00Z"), restarted("2026-11-22T11:30:00+01:00")],
  [
    "parameters of the content type",
    { contentType: "application/json" },
    { contentType: "application/json; charset=utf-8" },
  ],
];
describe("the same request again has the same form, whatever", () => {
  test.each(SAME)("%s", (_title, a, b) => {
    expect(form(a)).toBe(form(b));
  });
});

const DIFFERENT: [string, Given, Given][] = [
  ["connection", { connection: "prod" }, { connection: "test" }],
  ["requester", { username: "corp:a" }, { username: "corp:b" }],
  ["path", { target: PODS }, { target: "/api/v1/namespaces/b/pods" }],
  ["verb", { method: "GET", target: `${PODS}/p` }, { method: "DELETE", target: `${PODS}/p` }],
  ["command of an exec", exec("GET", "command=ls&command=-l"), exec("GET", "command=-l&command=ls")],
  ["container of an exec", exec("GET", "command=ls&container=a"), exec("GET", "command=ls&container=b")],
  ["dryRun", { target: `${PODS}?dryRun=All` }, { target: PODS }],
  ["absent and empty parameter", { target: `${PODS}?a=` }, { target: PODS }],
  ["value of a body", object('{"a":1}'), object('{"a":2}')],
  ["type of a value", object('{"a":1}'), object('{"a":"1"}')],
  ["order of a list", object('{"a":[1,2]}'), object('{"a":[2,1]}')],
  ["integer beyond 2^53", object('{"a":9007199254740993}'), object('{"a":9007199254740992}')],
  [
    "integer beyond 2^53 and its imitation",
    object('{"a":9007199254740993}'),
    object('{"a":{"$int":"9007199254740993"}}'),
  ],
  ["null and absent body", object("{}"), { body: null }],
  [
    "name that is not quite a debugger's",
    object('{"x":[{"name":"debugger-ab1c2"}]}'),
    object('{"x":[{"name":"debugger-ab1c2x"}]}'),
  ],
  [
    "debugger's name in another place",
    object('{"x":{"image":"debugger-ab1c2"}}'),
    object('{"x":{"image":"debugger-zzzzz"}}'),
  ],
  ["restartedAt that is no timestamp", restarted("2026-11-22T10:00:00Z"), restarted("2026-11-22T10:00:00Z; x")],
  [
    "patch type",
    { ...patch("merge", "{}"), contentType: "application/merge-patch+json" },
    { ...patch("strategic", "{}"), contentType: "application/strategic-merge-patch+json" },
  ],
  [
    "object that imitates a patch",
    object('{"patch":{"type":"merge","fragment":{}},"spec":1}'),
    object('{"patch":{"type":"merge","fragment":{}},"spec":2}'),
  ],
];
describe("a request that differs has another form: another", () => {
  test.each(DIFFERENT)("%s", (_title, a, b) => {
    expect(form(a)).not.toBe(form(b));
  });
});
