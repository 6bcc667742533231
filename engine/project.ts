import type { Bundle, UnreadPart } from "./bundle/bundle.ts";
import { quietGroup } from "./bundle/quiet.ts";
import { merged, type Reads } from "./bundle/reads/reads.ts";
import type { KubernetesObject, PolicyInput } from "./input.ts";
import { matches } from "./needs.ts";
import { keeper } from "./project/keep.ts";
import { mayReachNode } from "./project/reaches-node.ts";

/** Verbs and resources come from the request line, so that the memo must not grow with them. */
const MEMO_ENTRIES = 1024;

/**
 * Leaves out of the input what nothing reads that may be evaluated for this request: to parse it in WASM costs 4 µs a
 * KB, and a Deployment comes three times, as object, as pod template and as stored. Never changes its argument.
 */
export function projection(bundle: Bundle, idle: Readonly<Record<string, true>>): (input: PolicyInput) => PolicyInput {
  const { reads, rules, unread } = bundle;
  if (reads === undefined) return (input) => withoutUnread(input, unread);
  const awake = Object.entries(rules).filter(([, rule]) => {
    const group = quietGroup(rule);
    // A rule that no profile turns on is of the group "".
    return group === undefined || idle[group] === undefined;
  });
  const memo = new Map<string, (input: PolicyInput) => PolicyInput>();
  return (input) => {
    const { verb, operation, resource, subResource, nonResource } = input.request;
    const templates = input.podSpecs !== undefined && input.podSpecs.length > 0;
    const reaching = templates && mayReachNode(input.podSpecs);
    const request = `${verb}|${operation}|${resource.group}|${resource.resource}|${subResource}|${nonResource}`;
    const key = `${request}|${templates}|${reaching}`;
    let keep = memo.get(key);
    if (keep === undefined) {
      let all: Reads = reads.decision;
      for (const [id, rule] of awake) {
        const ofPods = rule.podTemplates === "reaching-node" ? reaching : rule.podTemplates && templates;
        const reached = ofPods || rule.match?.some((match) => matches(match, input.request));
        // A rule of which the bundle does not say what it reads may read anything.
        if (reached === true) all = merged(all, Object.hasOwn(reads.rules, id) ? reads.rules[id] : 1);
      }
      keep = keeper(all) as (input: PolicyInput) => PolicyInput;
      if (memo.size >= MEMO_ENTRIES) memo.clear();
      memo.set(key, keep);
    }
    return keep(input);
  };
}

function withoutUnread(input: PolicyInput, unread: readonly UnreadPart[]): PolicyInput {
  if (unread.length === 0 || (input.object == null && input.oldObject == null)) return input;
  const projected = { ...input };
  if (input.object != null) projected.object = trim(input.object, unread);
  if (input.oldObject != null) projected.oldObject = trim(input.oldObject, unread);
  return projected;
}

function trim(object: KubernetesObject, unread: readonly UnreadPart[]): KubernetesObject {
  const trimmed = { ...object };
  for (const part of unread) {
    if (part === "status") delete trimmed.status;
    else if (typeof object.metadata === "object" && object.metadata !== null) {
      const { managedFields: _, ...metadata } = object.metadata as KubernetesObject;
      trimmed.metadata = metadata;
    }
  }
  return trimmed;
}
