import { didYouMean } from "../../base/config/issues.ts";
import type { RuleMatch } from "./metadata.ts";

/** As RequestInfo has them, and the old prefix /api/v1/proxy/ (k8s.io/apiserver/pkg/endpoints/request). */
const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy"];
/** Of a path that is no resource: its method. */
const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"];
/** The last: what only reads. */
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT", ""];

export interface MatchIssue {
  path: (string | number)[];
  message: string;
}

/** What of a rule's matches no request can ever have: the rule would not be reached, and find nothing in silence. */
export function matchIssues(matches: readonly RuleMatch[]): MatchIssue[] {
  return matches.flatMap((match, i) => {
    const verbs = match.nonResourcePaths === undefined ? VERBS : METHODS;
    const wrong: Record<string, (value: string) => string | undefined> = {
      verbs: (value) =>
        verbs.includes(value) ? undefined : `no request has the verb "${value}"; ${guess(value, verbs)}`,
      operations: (value) =>
        OPERATIONS.includes(value)
          ? undefined
          : `no request has the operation "${value}"; ${guess(value.toUpperCase(), OPERATIONS)}`,
      groups: (value) =>
        /^[a-z0-9.-]*$/.test(value) ? undefined : `"${value}" is no API group, such as apps; the core group is ""`,
      resources: (value) =>
        /^[a-z0-9.-]+$/.test(value)
          ? undefined
          : `"${value}" is no resource, such as pods; of pods/exec, exec is a subresource`,
      subresources: (value) => (/^[a-z0-9.-]*$/.test(value) ? undefined : `"${value}" is no subresource, such as exec`),
      nonResourcePaths: (value) => (/^[/*]/.test(value) ? undefined : `"${value}" is no path: it begins with no slash`),
    };
    for (const [key, what] of [
      ["tools", "a tool call"],
      ["models", "a dialogue"],
    ] as const) {
      if (match[key] !== undefined && Object.keys(match).length > 1) {
        return [{ path: ["match", i, key], message: `${what} is no request: ${key} stands without other keys` }];
      }
    }
    return Object.entries(wrong).flatMap(([key, why]) =>
      ((match[key as keyof RuleMatch] ?? []) as string[]).flatMap((value, j) => {
        const message = value === "*" ? undefined : why(value);
        return message === undefined ? [] : [{ path: ["match", i, key, j], message }];
      }),
    );
  });
}

function guess(value: string, valid: readonly string[]): string {
  return didYouMean(
    value,
    valid.filter((one) => one !== ""),
  );
}
