import { Refusal } from "../../base/errors.ts";
import type { HttpRequest } from "../http.ts";
import { bearerToken } from "../listener/door.ts";

/**
 * The caller's session token, where a provider's client puts its key: `x-api-key` (Anthropic's) or a bearer token (OpenAI's, and
 * ANTHROPIC_AUTH_TOKEN). Claude Code's apiKeyHelper sends the same in both; two different ones are refused, since a reader must
 * know which of them it was.
 */
export function callerToken(req: HttpRequest): string {
  const key = req.headers["x-api-key"];
  if (key === undefined) return bearerToken(req);
  if (typeof key !== "string" || !/^[\w\-.~+/]+=*$/.test(key)) {
    throw new Refusal("unauthenticated", "x-api-key is not one token");
  }
  if (req.headers.authorization !== undefined && bearerToken(req) !== key) {
    throw new Refusal("bad-header", "x-api-key and Authorization hold two different tokens");
  }
  return key;
}
