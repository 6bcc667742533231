import type { RuleMatch, RuleMetadata } from "./metadata.ts";

/** Where the generated package stands among the sources. */
export const DISPATCH_FILE = "sallyport/index/index.rego";

/**
 * `sallyport.index`: what each rule found, by its id, for the rules whose METADATA `match` names this
 * request. Generated, so that a rule is reached by a few comparisons instead of a walk over
 * `data.sallyport.rules`, and so that `needs` and the evaluation read one and the same `match`.
 */
export function dispatchSource(rules: Record<string, RuleMetadata>, masking: ReadonlySet<string>): string {
  const parts = ["package sallyport.index"];
  for (const [id, rule] of Object.entries(rules)) {
    const ref = `data.sallyport.rules.${id.replaceAll("-", "_").replaceAll("/", ".")}`;
    const bodies = [...(rule.match ?? []).map(conditions), ...(rule.podTemplates ? [["input.podSpecs[0]"]] : [])];
    for (const document of masking.has(id) ? ["findings", "masks"] : ["findings"]) {
      for (const body of bodies) {
        parts.push(
          [
            `${document}[${JSON.stringify(id)}] := ${ref}.${document} if {`,
            ...body.map((line) => `\t${line}`),
            "}",
          ].join("\n"),
        );
      }
    }
  }
  if (Object.keys(rules).length === 0) parts.push("findings := {}");
  if (masking.size === 0) parts.push("masks := {}");
  return `${parts.join("\n\n")}\n`;
}

/** The most telling comparison first: the others are then seldom reached. */
function conditions(match: RuleMatch): string[] {
  const lines = [
    one("input.request.resource.resource", match.resources),
    one("input.request.resource.group", match.groups),
    one("input.request.subResource", match.subresources),
    one("input.request.operation", match.operations),
    one("input.request.verb", match.verbs),
    paths(match.nonResourcePaths),
  ].flat();
  return match.nonResourcePaths === undefined ? ["input.request.nonResource == false", ...lines].sort(last) : lines;
}

// `nonResource` is false nearly always: it is compared last.
function last(a: string, b: string): number {
  return Number(a.startsWith("input.request.nonResource")) - Number(b.startsWith("input.request.nonResource"));
}

function one(ref: string, values: string[] | undefined): string[] {
  if (values === undefined || values.includes("*")) return [];
  if (values.length === 1) return [`${ref} == ${JSON.stringify(values[0])}`];
  return [`${ref} in {${values.map((value) => JSON.stringify(value)).join(", ")}}`];
}

function paths(values: string[] | undefined): string[] {
  if (values === undefined) return [];
  if (values.includes("*")) return ["input.request.nonResource == true"];
  const patterns = values.map((value) => JSON.stringify(value)).join(", ");
  return [
    "input.request.nonResource == true",
    `some path in [${patterns}]`,
    "glob.match(path, null, input.request.path)",
  ];
}
