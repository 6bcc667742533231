import { describe, expect, it } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { parseExchangeRequest } from "../../identity/exchange-request.ts";

const ID = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const base = { grant_type: GRANT, subject_token: "t", subject_token_type: ID };
const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

describe("a token exchange", () => {
  it("carries the agent, the reason and the labels of where the agent runs", () => {
    const form = new URLSearchParams({
      ...base,
      agent: "claude",
      reason: "fix",
      claude_code_session_id: "5f0e-1",
      traceparent: TRACE,
    });
    expect(parseExchangeRequest(form)).toEqual({
      subjectToken: "t",
      subjectTokenType: "id_token",
      actorToken: undefined,
      agent: "claude",
      reason: "fix",
      labels: { claude_code_session_id: "5f0e-1", traceparent: TRACE },
    });
  });

  const BAD: [string, Record<string, string>, RegExp][] = [
    ["no grant type", { ...base, grant_type: "" }, /grant_type/],
    ["no subject token", { grant_type: GRANT, subject_token_type: ID }, /subject_token is missing/],
    ["an empty subject token", { ...base, subject_token: "" }, /subject_token/],
    ["an oversized subject token", { ...base, subject_token: "x".repeat(20_000) }, /subject_token/],
    [
      "a SAML subject token",
      { ...base, subject_token_type: "urn:ietf:params:oauth:token-type:saml2" },
      /subject_token_type/,
    ],
    ["an actor token without its type", { ...base, actor_token: "a" }, /actor_token_type/],
    ["an actor token type without its token", { ...base, actor_token_type: ID }, /actor_token_type/],
    ["another requested type", { ...base, requested_token_type: ID }, /requested_token_type/],
    ["an unknown parameter", { ...base, resource: "x" }, /unknown parameter "resource"/],
    ["a reason that is too long", { ...base, reason: "x".repeat(257) }, /reason/],
    ["an agent with a terminal escape", { ...base, agent: "\u001b[2J" }, /agent/],
    [
      "a traceparent of zeros",
      { ...base, traceparent: "00-00000000000000000000000000000000-00f067aa0ba902b7-01" },
      /traceparent/,
    ],
    ["a traceparent of version ff", { ...base, traceparent: TRACE.replace(/^00/, "ff") }, /traceparent/],
    ["a traceparent in upper case", { ...base, traceparent: TRACE.toUpperCase() }, /traceparent/],
    ["a Claude session id with spaces", { ...base, claude_code_session_id: "a b" }, /claude_code_session_id/],
    ["a renewal that changes the reason", { ...base, subject_token_type: ACCESS, reason: "new" }, /renewal/],
  ];
  it.each(BAD)("is refused for %s", (_title, form, message) => {
    const parse = () => parseExchangeRequest(new URLSearchParams(form));
    expect(parse).toThrow(Refusal);
    expect(parse).toThrow(message);
  });
  it("is refused for a parameter that is given twice", () => {
    const form = new URLSearchParams(base);
    form.append("subject_token", "u");
    expect(() => parseExchangeRequest(form)).toThrow(/more than once/);
  });
});
