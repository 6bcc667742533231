import type { Bundle } from "../../../engine/bundle/bundle.ts";
import type { RuleMatch, RuleMetadata } from "../../../engine/bundle/metadata.ts";
import type { DialogueInput, KubernetesObject, PolicyInput } from "../../../engine/input.ts";
import type { BodyMutant } from "./instrument.ts";

/** What policy is asked: about a request, or about a tool call. */
export type Question = PolicyInput | DialogueInput;

/** A change of a rule, or of a fact about Kubernetes as one rule sees it. */
export interface Mutant {
  rule: string;
  family:
    | "body"
    | "container kind"
    | "workload kind"
    | "verb"
    | "operation"
    | "subresource"
    | "resource"
    | "group"
    | "tool";
  change: string;
  /** Of a body: what switches it on. */
  id?: string;
  /** Whether the mutated rule may find what the rule itself does not. */
  mayFind(input: Question): boolean;
  /**
   * Policy's question as the mutated rule would be asked it; `undefined` where it would answer as before. `found` says
   * whether the rule finds anything in a question.
   */
  ask(
    input: Question,
    found: (input: Question) => Promise<boolean>,
  ): Question | undefined | Promise<Question | undefined>;
}

const switched = (input: Question, mutation: string): Question & { mutation: string } => ({ ...input, mutation });

/** Every mutant of every rule. `readsContainers` says whether a rule finds what it finds in containers. */
export function mutantsOf(
  rules: Bundle["rules"],
  bodies: readonly BodyMutant[],
  readsContainers: (rule: string) => boolean,
): Mutant[] {
  return Object.entries(rules).flatMap(([rule, metadata]) => [
    ...bodies
      .filter((body) => body.rule === rule)
      .map(
        ({ id, change }): Mutant => ({
          rule,
          family: "body",
          change,
          id,
          mayFind: (input) => applies(metadata, metadata.match ?? [], input),
          ask: (input) => switched(input, id),
        }),
      ),
    ...matchMutants(rule, metadata),
    ...(metadata.podTemplates ? templateMutants(rule, readsContainers(rule)) : []),
  ]);
}

const KEYS = {
  verbs: "verb",
  operations: "operation",
  subresources: "subresource",
  resources: "resource",
  groups: "group",
  tools: "tool",
} as const;

/** METADATA `match` without one of the values that it names. */
function matchMutants(rule: string, metadata: RuleMetadata): Mutant[] {
  const all = metadata.match ?? [];
  return all.flatMap((match, i) =>
    Object.entries(KEYS).flatMap(([key, family]) =>
      (match[key as keyof typeof KEYS] ?? []).map((value): Mutant => {
        const rest = (match[key as keyof typeof KEYS] ?? []).filter((one) => one !== value);
        const mutated = rest.length === 0 ? all.toSpliced(i, 1) : all.with(i, { ...match, [key]: rest });
        return {
          rule,
          family,
          change: `match[${i}].${key} without "${value}"`,
          mayFind: () => false,
          ask: (input) => (applies(metadata, mutated, input) ? undefined : switched(input, `${rule}:off`)),
        };
      }),
    ),
  );
}

function applies(metadata: RuleMetadata, matches: readonly RuleMatch[], input: Question): boolean {
  const { request, tool } = input;
  if (request === undefined) return matches.some(({ tools }) => tools !== undefined && has(tools, tool?.name ?? ""));
  if (metadata.podTemplates && (input.podSpecs ?? []).length > 0) return true;
  return matches.some((match) => fits(match, request));
}

/** As the generated dispatch compares (engine/bundle/dispatch.ts). */
function fits(match: RuleMatch, request: PolicyInput["request"]): boolean {
  if (match.tools !== undefined) return false;
  if (match.nonResourcePaths !== undefined) {
    return request.nonResource && match.nonResourcePaths.some((path) => globMatches(path, request.path));
  }
  return (
    !request.nonResource &&
    has(match.verbs, request.verb) &&
    has(match.operations, request.operation) &&
    has(match.groups, request.resource.group) &&
    has(match.resources, request.resource.resource) &&
    has(match.subresources, request.subResource)
  );
}

function has(values: string[] | undefined, value: string): boolean {
  return values === undefined || values.includes(value) || values.includes("*");
}

function globMatches(pattern: string, path: string): boolean {
  const quoted = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${quoted.join(".*")}$`, "s").test(path);
}

const LISTS = ["containers", "initContainers", "ephemeralContainers"];
/** kubernetes/pod-specs.ts PLACES, less the deprecated group extensions; and what has its shape only. */
const PLACES = [
  ...["/pods", "/podtemplates", "/replicationcontrollers"],
  ...["apps/deployments", "apps/daemonsets", "apps/statefulsets", "apps/replicasets", "apps/controllerrevisions"],
  ...["batch/jobs", "batch/cronjobs"],
];

function templateMutants(rule: string, readsContainers: boolean): Mutant[] {
  const blind = (
    family: Mutant["family"],
    change: string,
    without: (input: PolicyInput) => PolicyInput | undefined,
  ): Mutant => ({
    rule,
    family,
    change,
    mayFind: () => false,
    // Blind for this rule alone: another that finds something in the same place must not hide it.
    ask: async (input, found) => {
      // A tool call has no pod template.
      const seen = input.request === undefined ? undefined : without(input);
      if (seen === undefined) return undefined;
      return (await found(seen)) ? seen : switched(input, `${rule}:off`);
    },
  });
  const lists = LISTS.map((list) =>
    blind("container kind", `no ${list}`, (input) => {
      const specs = input.podSpecs ?? [];
      if (!specs.some(({ spec }) => list in spec)) return undefined;
      return { ...input, podSpecs: specs.map(({ path, spec }) => ({ path, spec: omit(spec, list) })) };
    }),
  );
  const at = ({ request: { resource } }: PolicyInput): string => `${resource.group}/${resource.resource}`;
  const none = (input: PolicyInput): PolicyInput => ({ ...input, podSpecs: [] });
  const places = PLACES.map((place) =>
    blind("workload kind", `no ${place.replace(/^\//, "")}`, (input) =>
      at(input) === place ? none(input) : undefined,
    ),
  );
  const custom = blind("workload kind", "no custom resources", (input) =>
    (input.podSpecs ?? []).length > 0 && !PLACES.includes(at(input)) ? none(input) : undefined,
  );
  return [...(readsContainers ? lists : []), ...places, custom];
}

function omit(spec: KubernetesObject, key: string): KubernetesObject {
  const { [key]: _, ...rest } = spec;
  return rest;
}
