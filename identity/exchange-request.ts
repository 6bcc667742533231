import { Refusal } from "../base/errors.ts";
import { MAX_TOKEN_CHARS } from "./verify.ts";

const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
export const ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token";
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";

/** `POST /session`, an RFC 8693 token exchange, after its grammar was checked. */
export interface ExchangeRequest {
  subjectToken: string;
  /** `access_token` is a gateway session token that is to be renewed. */
  subjectTokenType: "id_token" | "access_token";
  /** An agent's own ID token: then it is the caller, and the subject is its owner. */
  actorToken?: string;
  agent: string;
  reason: string;
  labels: Record<string, string>;
}

const MAX_TEXT = 256;
// W3C Trace Context §3.2.2: version 00, ids that are not all zeros; ff is forbidden.
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Labels that a session carries, from where the agent runs. */
const LABELS: Record<string, RegExp> = {
  claude_code_session_id: /^[A-Za-z0-9._:-]{1,128}$/,
  traceparent: TRACEPARENT,
};
const OTHERS = [
  "grant_type",
  "subject_token",
  "subject_token_type",
  "actor_token",
  "actor_token_type",
  "requested_token_type",
  "agent",
  "reason",
];

/** Checks the form parameters of `POST /session`. Refusal `bad-request` names the parameter, never its value. */
export function parseExchangeRequest(form: URLSearchParams): ExchangeRequest {
  for (const name of form.keys()) {
    if (!OTHERS.includes(name) && LABELS[name] === undefined) throw bad(`unknown parameter ${clip(name)}`);
    // RFC 6749 §3.2: once at most.
    if (form.getAll(name).length > 1) throw bad(`${name} is given more than once`);
  }
  if (form.get("grant_type") !== GRANT) throw bad(`grant_type must be ${GRANT}`);
  const type = form.get("subject_token_type");
  if (type !== ID_TOKEN_TYPE && type !== ACCESS_TOKEN_TYPE)
    throw bad(`subject_token_type must be ${ID_TOKEN_TYPE} or ${ACCESS_TOKEN_TYPE}`);
  const wanted = form.get("requested_token_type");
  if (wanted !== null && wanted !== ACCESS_TOKEN_TYPE) throw bad(`requested_token_type must be ${ACCESS_TOKEN_TYPE}`);
  const request: ExchangeRequest = {
    subjectToken: token(form, "subject_token") ?? missing("subject_token"),
    subjectTokenType: type === ID_TOKEN_TYPE ? "id_token" : "access_token",
    actorToken: token(form, "actor_token"),
    agent: plainText(form, "agent"),
    reason: plainText(form, "reason"),
    labels: labelsOf(form),
  };
  const actorType = form.get("actor_token_type");
  if (request.actorToken !== undefined && actorType !== ID_TOKEN_TYPE)
    throw bad(`actor_token_type must be ${ID_TOKEN_TYPE}`);
  // RFC 8693 §2.1: it must not be there when actor_token is not.
  if (request.actorToken === undefined && actorType !== null) throw bad("actor_token_type without actor_token");
  if (request.subjectTokenType === "access_token") refuseChangesOnRenewal(request);
  return request;
}

function refuseChangesOnRenewal(request: ExchangeRequest): void {
  if (request.actorToken !== undefined || request.agent || request.reason || Object.keys(request.labels).length > 0)
    throw bad("a renewal changes nothing of its session: send subject_token and its type only");
}

function labelsOf(form: URLSearchParams): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [name, grammar] of Object.entries(LABELS)) {
    const value = form.get(name);
    if (value === null) continue;
    if (!grammar.test(value)) throw bad(`${name} is not well-formed`);
    labels[name] = value;
  }
  return labels;
}

function token(form: URLSearchParams, name: string): string | undefined {
  const value = form.get(name);
  if (value === null) return undefined;
  if (value === "" || value.length > MAX_TOKEN_CHARS) throw bad(`${name} is empty or longer than ${MAX_TOKEN_CHARS}`);
  return value;
}

function plainText(form: URLSearchParams, name: string): string {
  const value = (form.get(name) ?? "").normalize("NFC").trim();
  if (value.length > MAX_TEXT) throw bad(`${name} is longer than ${MAX_TEXT} characters`);
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(value)) throw bad(`${name} holds unprintable characters`);
  return value;
}

function missing(name: string): never {
  throw bad(`${name} is missing`);
}

function clip(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

function bad(message: string): Refusal {
  return new Refusal("bad-request", message, { next: "POST /session takes an RFC 8693 token exchange as a form." });
}
