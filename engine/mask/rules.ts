import type { Mask } from "../decision.ts";
import { mayPrint } from "./cells.ts";
import { parseFieldPath, type Step } from "./field-path.ts";
import { isPattern, PATTERNS, type Pattern } from "./patterns.ts";
import { encodePlaceholder } from "./placeholder.ts";

/** What was asked for: masks go by it, never by the kind that came back (wire-pitfalls: kubernetes 23564). */
export interface Requested {
  group: string;
  resource: string;
  /** Empty across namespaces and for cluster-scoped objects. */
  namespace: string;
  /** Empty for lists and watches. */
  name: string;
}

export interface CompiledMask {
  namespace: string | undefined;
  name: string | undefined;
  fields: { steps: Step[]; encoded: boolean }[];
  /** Kinds of values that are masked wherever they stand. */
  patterns: Pattern[];
  placeholder: string;
  encodedPlaceholder: string;
  /** Cells of a Table may show what it masks, so that they are hidden where they cannot be compared with it. */
  hidesCells: boolean;
}

/** Fields that hold base64, by `group/resource`. */
const ENCODED_FIELDS: Record<string, string> = { "/secrets": "data", "/configmaps": "binaryData" };

/** Whether a selector's value (`*` globs) takes `value`. */
function takes(pattern: string | undefined, value: string): boolean {
  if (pattern === undefined || pattern === "*" || pattern === value) return true;
  if (!pattern.includes("*")) return false;
  const source = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${source}$`, "s").test(value);
}

/** As takes, where an empty value means "not known yet": the object itself is looked at later. */
function mayTake(pattern: string | undefined, value: string): boolean {
  return value === "" || takes(pattern, value);
}

function compileFields(mask: Mask, encodedField: string | undefined): CompiledMask["fields"] {
  return mask.fields.flatMap((field) => {
    const steps = parseFieldPath(field);
    const [first] = steps;
    const root = first !== undefined && "key" in first ? first.key : "";
    const compiled = [{ steps, encoded: root !== "" && root === encodedField }];
    // What a client wrote as stringData is stored as data, and stands as it was in the last-applied annotation.
    if (root === "data" && encodedField === "data") {
      compiled.push({ steps: [{ key: "stringData" }, ...steps.slice(1)], encoded: false });
    }
    return compiled;
  });
}

/** A pattern that nobody knows must not mask nothing. */
function compilePatterns({ patterns = [] }: Mask): Pattern[] {
  return patterns.map((name) => {
    if (!isPattern(name)) throw new SyntaxError(`pattern "${name}" is none of ${PATTERNS.join(", ")}`);
    return name;
  });
}

/** The masks that may apply to what was requested, ready to use. Throws SyntaxError on a field path or pattern that is not understood. */
export function compileMasks(masks: readonly Mask[], requested: Requested): CompiledMask[] {
  const encodedField = ENCODED_FIELDS[`${requested.group}/${requested.resource}`];
  return masks
    .filter(({ selector }) => takes(selector.group, requested.group) && takes(selector.resource, requested.resource))
    .filter(
      ({ selector }) => mayTake(selector.namespace, requested.namespace) && mayTake(selector.name, requested.name),
    )
    .map((mask) => {
      const fields = compileFields(mask, encodedField);
      return {
        namespace: mask.selector.namespace,
        name: mask.selector.name,
        fields,
        patterns: compilePatterns(mask),
        placeholder: mask.placeholder,
        encodedPlaceholder: encodePlaceholder(mask.placeholder),
        hidesCells: mayPrint(fields, requested),
      };
    });
}

/** Whether a mask applies to one object of the answer. An object that does not say who it is, is masked. */
export function appliesTo(mask: CompiledMask, namespace: string, name: string): boolean {
  return mayTake(mask.namespace, namespace) && mayTake(mask.name, name);
}
