import type { RuleMatch, RuleMetadata } from "./metadata.ts";

/** Where the generated package stands among the sources. */
export const DISPATCH_FILE = "sallyport/index/index.rego";

/**
 * `sallyport.index`: what each rule found, by its id, for the rules whose METADATA `match` names this
 * request. Generated, so that a rule is reached by a few comparisons instead of a walk over
 * `data.sallyport.rules`, and so that `needs` and the evaluation read one and the same `match`. Rules that
 * name resources stand under them, and those of pod templates under one condition: a rule of another resource
 * costs nothing, where a comparison for each of 44 rules took half of the time of a GET.
 */
export function dispatchSource(rules: Record<string, RuleMetadata>, masking: ReadonlySet<string>): string {
  const heads = new Map<string, string[]>();
  for (const [id, rule] of Object.entries(rules)) {
    const ref = `data.sallyport.rules.${id.replaceAll("-", "_").replaceAll("/", ".")}`;
    for (const document of masking.has(id) ? ["findings", "masks"] : ["findings"]) {
      const add = (place: string, lines: string[]): void => {
        const head = `${place}.${document}`;
        // What found nothing is left out: the decision would walk over it.
        const body = [...lines, `found := ${ref}.${document}`, "count(found) > 0"]
          .map((line) => `\t${line}\n`)
          .join("");
        heads.set(head, [...(heads.get(head) ?? []), `${head}[${JSON.stringify(id)}] := found if {\n${body}}`]);
      };
      if (rule.podTemplates) add("pods", []);
      for (const match of rule.match ?? []) {
        const named = match.resources !== undefined && !match.resources.includes("*") ? match.resources : undefined;
        if (match.nonResourcePaths === undefined && named !== undefined) {
          for (const resource of named) add(`of[${JSON.stringify(resource)}]`, comparisons(match));
        } else add("any", [...conditions(match)]);
      }
    }
  }
  return `${[
    "package sallyport.index",
    ...["findings", "masks"].flatMap((document) => collected(document, heads)),
    ...[...heads.values()].flat(),
  ].join("\n\n")}\n`;
}

/** The document over all places; an empty object where nothing applies, since the decision asks for it. */
function collected(document: string, heads: Map<string, string[]>): string[] {
  const parts: string[] = [];
  const rules: string[] = [];
  const part = (name: string, body: string): void => {
    parts.push(name);
    rules.push(`default ${name} := {}`, `${name} := ${body}`);
  };
  const has = (place: string): boolean =>
    [...heads.keys()].some((head) => head.startsWith(place) && head.endsWith(`.${document}`));
  // One question for all rules of pod templates, and one look-up for all that name resources.
  if (has("pods.")) part(`of_pods_${document}`, `pods.${document} if input.podSpecs[0]`);
  if (has("of[")) part(`of_resource_${document}`, `of[input.request.resource.resource].${document}`);
  if (has("any.")) parts.push(`any.${document}`);
  return [`${document} := object.union_n([${parts.join(", ")}])`, ...rules];
}

/** The most telling comparison first: the others are then seldom reached. */
function comparisons(match: RuleMatch): string[] {
  return [
    one("input.request.resource.group", match.groups),
    one("input.request.subResource", match.subresources),
    one("input.request.operation", match.operations),
    one("input.request.verb", match.verbs),
  ].flat();
}

function conditions(match: RuleMatch): string[] {
  const lines = [...one("input.request.resource.resource", match.resources), ...comparisons(match)];
  if (match.nonResourcePaths !== undefined) return [...paths(match.nonResourcePaths), ...lines];
  // `nonResource` is false nearly always: it is compared last.
  return [...lines, "input.request.nonResource == false"];
}

function one(ref: string, values: string[] | undefined): string[] {
  if (values === undefined || values.includes("*")) return [];
  if (values.length === 1) return [`${ref} == ${JSON.stringify(values[0])}`];
  return [`${ref} in {${values.map((value) => JSON.stringify(value)).join(", ")}}`];
}

function paths(values: string[]): string[] {
  if (values.includes("*")) return ["input.request.nonResource == true"];
  const patterns = values.map((value) => JSON.stringify(value)).join(", ");
  return [
    "input.request.nonResource == true",
    `some path in [${patterns}]`,
    // No delimiters: a star crosses dots and slashes.
    "glob.match(path, null, input.request.path)",
  ];
}
