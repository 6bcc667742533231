import type { RuleMatch, RuleMetadata } from "./metadata.ts";
import { quietGroup } from "./quiet.ts";

/** Where the generated package stands among the sources. */
export const DISPATCH_FILE = "sallyport/index/index.rego";

type Document = "findings" | "masks";

/** Where a rule stands, and what is still asked of it there. */
interface Place {
  /** Of the document's own names, so that a look-up goes over no place that it has nothing in. */
  head: string;
  /** How a request reaches the place, and on which condition. */
  reach: string;
  when?: string;
  lines: string[];
}

/**
 * `sallyport.index`: what each rule found, by its id, for the rules whose METADATA `match` names this request.
 * Generated, so that a rule is reached by a few comparisons instead of a walk over `data.sallyport.rules`, and so that
 * `needs` and the evaluation read one and the same `match`. Rules stand under their group and resource, else under
 * their group or their operation, and those of pod templates under one condition: a rule of another resource costs
 * nothing, where a comparison for each of 44 rules took half of the time of a GET. Rules that are off under the
 * guardrails in force (`data.idle`, which the host computes) are not reached either.
 */
export function dispatchSource(rules: Record<string, RuleMetadata>, masking: ReadonlySet<string>): string {
  return `${[
    "package sallyport.index",
    ...documentSource("findings", Object.entries(rules)),
    ...documentSource(
      "masks",
      Object.entries(rules).filter(([id]) => masking.has(id)),
    ),
  ].join("\n\n")}\n`;
}

function documentSource(document: Document, rules: readonly (readonly [string, RuleMetadata])[]): string[] {
  const reached = new Map<string, string | undefined>();
  const heads: string[] = [];
  for (const [id, rule] of rules) {
    const ref = `data.sallyport.rules.${id.replaceAll("-", "_").replaceAll("/", ".")}.${document}`;
    for (const { head, reach, when, lines } of placesOf(document, rule)) {
      reached.set(reach, when);
      // What found nothing is left out: the decision would walk over it.
      heads.push(
        `${head}[${JSON.stringify(id)}] := found if${block([...lines, `found := ${ref}`, "count(found) > 0"])}`,
      );
    }
  }
  const parts = [...reached].map(([reach, when], i) => ({ name: `${document}_${i}`, reach, when }));
  const templates = parts.filter(({ when }) => when !== undefined);
  const others = parts.filter(({ when }) => when === undefined).map(({ name }) => name);
  const inTemplates = templates.length === 0 ? [] : [`${document}_in_templates`];
  return [
    `${document} := object.union_n([${[...others, ...inTemplates].join(", ")}])`,
    ...inTemplates.flatMap((name) => [
      `default ${name} := {}`,
      // One question for all rules of pod templates.
      `${name} := object.union_n([${templates.map((part) => part.name).join(", ")}]) if input.podSpecs[0]`,
    ]),
    ...parts.flatMap(({ name, reach, when }) => [
      `default ${name} := {}`,
      `${name} := ${reach}${when === undefined || when === "" ? "" : ` if ${when}`}`,
    ]),
    ...heads,
  ];
}

function placesOf(document: Document, rule: RuleMetadata): Place[] {
  const group = quietGroup(rule);
  const awake = group === undefined ? [] : [`not data.idle[${JSON.stringify(group)}]`];
  const places = (rule.match ?? []).flatMap((match) => matchPlaces(document, match, awake));
  if (!rule.podTemplates) return places;
  const head = group === undefined ? `${document}_of_pods` : `${document}_of_quiet_pods[${JSON.stringify(group)}]`;
  return [{ head, reach: head, when: awake.join(""), lines: [] }, ...places];
}

function matchPlaces(document: Document, match: RuleMatch, awake: string[]): Place[] {
  const { verbs, operations, groups, resources, subresources, nonResourcePaths, tools, models } = match;
  if (tools !== undefined) {
    // A tool call is no request; one that stands beside a request was judged by itself.
    const lines = ["input.tool.name", "not input.request", ...one("input.tool.name", tools), ...awake];
    return [inDialogues(document, lines)];
  }
  if (models !== undefined) {
    // Each of its tool calls is a question of its own, and so is each request that comes of one.
    const lines = ["input.dialogue", "not input.request", "not input.tool"];
    return [inDialogues(document, [...lines, ...anyOf("input.dialogue.model", models), ...awake])];
  }
  const asked = {
    resource: one("input.request.resource.resource", resources),
    group: one("input.request.resource.group", groups),
    rest: [...one("input.request.subResource", subresources), ...one("input.request.verb", verbs), ...awake],
    operation: one("input.request.operation", operations),
  };
  if (nonResourcePaths !== undefined) {
    const head = `${document}_of_paths`;
    const lines = ["input.request.nonResource == true", ...paths(nonResourcePaths), ...Object.values(asked).flat()];
    return [{ head, reach: head, lines }];
  }
  const [inGroups, named, during] = [literal(groups), literal(resources), literal(operations)];
  const place = (name: string, keys: string[], refs: string[], lines: string[]): Place => ({
    head: [`${document}_${name}`, ...keys.map((key) => `[${JSON.stringify(key)}]`)].join(""),
    reach: [`${document}_${name}`, ...refs.map((ref) => `[input.request.${ref}]`)].join(""),
    lines,
  });
  // The most telling comparison first: the others are then seldom reached.
  if (inGroups !== undefined && named !== undefined) {
    return inGroups.flatMap((group) =>
      named.map((resource) =>
        place("of", [group, resource], ["resource.group", "resource.resource"], [...asked.operation, ...asked.rest]),
      ),
    );
  }
  // `nonResource` is false nearly always: it is compared last.
  const resource = [...asked.rest, "input.request.nonResource == false"];
  if (named !== undefined) {
    return named.map((one) => place("named", [one], ["resource.resource"], [...asked.operation, ...resource]));
  }
  if (inGroups !== undefined) {
    return inGroups.map((one) => place("in_group", [one], ["resource.group"], [...asked.operation, ...resource]));
  }
  if (during !== undefined) return during.map((one) => place("during", [one], ["operation"], resource));
  return [place("any", [], [], [...asked.operation, ...resource])];
}

/** One place for what is no request to a cluster, so that a request goes over one more and not two. */
function inDialogues(document: Document, lines: string[]): Place {
  const head = `${document}_of_dialogues`;
  return { head, reach: head, lines };
}

/** The values that a key names one by one. */
function literal(values: string[] | undefined): string[] | undefined {
  return values === undefined || values.includes("*") ? undefined : values;
}

function block(lines: readonly string[]): string {
  return ` {\n${lines.map((line) => `\t${line}\n`).join("")}}`;
}

function one(ref: string, values: string[] | undefined): string[] {
  if (values === undefined || values.includes("*")) return [];
  if (values.length === 1) return [`${ref} == ${JSON.stringify(values[0])}`];
  // An array: a set is made anew in each evaluation, and each of its members hashed.
  return [`${ref} in [${values.map((value) => JSON.stringify(value)).join(", ")}]`];
}

/** Globs in which a star stands for any text, and nothing else means anything: names of models hold brackets. */
function anyOf(ref: string, globs: string[]): string[] {
  if (globs.includes("*") || globs.every((glob) => !glob.includes("*"))) return one(ref, globs);
  const quoted = (part: string): string => part.replaceAll("\\E", "\\E\\\\E\\Q");
  const patterns = globs.map((glob) => `(?s)^\\Q${glob.split("*").map(quoted).join("\\E.*\\Q")}\\E$`);
  return [`some glob in [${patterns.map((text) => JSON.stringify(text)).join(", ")}]`, `regex.match(glob, ${ref})`];
}

function paths(values: string[]): string[] {
  if (values.includes("*")) return [];
  const patterns = values.map((value) => JSON.stringify(value)).join(", ");
  return [
    `some path in [${patterns}]`,
    // No delimiters: a star crosses dots and slashes.
    "glob.match(path, null, input.request.path)",
  ];
}
