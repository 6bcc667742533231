import type { ConfigIssue } from "../../base/config/issues.ts";
import { globsSelect } from "../../base/globs.ts";
import { all, type StandingException } from "./exception.ts";

/** What a rule is asked about: requests to a cluster, or dialogues with a model and their tool calls. */
export interface About {
  requests: boolean;
  dialogues: boolean;
}

/** What comes over a connection of this kind (`connections[].kind` in sallyport.yaml). */
export function sideOf(kind: string): keyof About {
  return kind === "kubernetes" ? "requests" : "dialogues";
}

/**
 * Why an exception would lift nothing, whoever asks for what: its rules are about the one side, and what it matches is on the
 * other, or is nothing that a tool call has. What is undefined of a rule or a connection is not known, and may be as it says.
 */
export function idleIssue(
  exception: Pick<StandingException, "rules" | "match">,
  about: (rule: string) => About | undefined,
  sideOf: (connection: string) => keyof About | undefined,
): ConfigIssue | undefined {
  const { rules, match } = exception;
  const side = sideOf(match.connection);
  const known = rules.map((rule) => ({ rule, ...(about(rule) ?? { requests: true, dialogues: true }) }));
  if (side !== undefined && known.every((one) => !one[side])) {
    const other = side === "requests" ? "tool calls and dialogues" : "requests to clusters";
    return {
      path: "spec.match.connection",
      message: `"${match.connection}" has no ${other}, and nothing else is what ${rules.join(", ")} look at: it would lift nothing`,
    };
  }
  const dialogues = side === "dialogues" || known.every(({ requests }) => !requests);
  const wrong = dialogues ? ofNoDialogue(match) : undefined;
  if (wrong === undefined) return undefined;
  return {
    path: `spec.match.${wrong}`,
    message:
      "a tool call has the verb tool and the resource /<tool>, a dialogue the verb dialogue and the resource /<model>, and neither a namespace, a name or labels: it would lift nothing",
  };
}

/** The first key that no tool call and no dialogue has a value for. */
function ofNoDialogue(match: StandingException["match"]): keyof StandingException["match"] | undefined {
  if (!globsSelect(match.verbs, ["tool"]) && !globsSelect(match.verbs, ["dialogue"])) return "verbs";
  if (!(match.namespaces ?? []).every((pattern) => pattern === "*")) return "namespaces";
  if ((match.names ?? []).length > 0) return "names";
  if (match.labels !== undefined) return "labels";
  const included = (match.resources ?? []).filter((pattern) => !pattern.startsWith("!"));
  return all(match.resources) || included.some((pattern) => /^\**\/[^/]+$/.test(pattern)) ? undefined : "resources";
}
