import type { HttpRequest } from "../http.ts";

/** Hints of clients about their own dialogue: on record as claimed, and believed by nobody. */
const OF_MODEL = ["x-claude-code-session-id", "x-claude-code-prompt-id", "traceparent"] as const;
/** kubectl says of itself which invocation and which command it is (KEP-859). */
const OF_CLUSTER = [...OF_MODEL, "kubectl-session", "kubectl-command"] as const;
const MAX_CLAIM = 256;

type Headers = Pick<HttpRequest, "headers">["headers"];

export const modelClaims = (headers: Headers): Record<string, string> => claims(headers, OF_MODEL);
export const clusterClaims = (headers: Headers): Record<string, string> => claims(headers, OF_CLUSTER);

function claims(headers: Headers, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === "string" && value !== "") found[name] = value.slice(0, MAX_CLAIM);
  }
  return found;
}
