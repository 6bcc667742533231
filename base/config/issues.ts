import type { z } from "zod";

/** One mistake in a file that a person wrote: where, in words, and the nearest thing that would be valid. */
export interface ConfigIssue {
  /** Dotted path: `issuers[0].prefix.username`. */
  path: string;
  message: string;
}

/** All mistakes of one file at once, so that a person fixes them in one go. Exit code 2. */
export class ConfigError extends Error {
  readonly file: string;
  readonly issues: ConfigIssue[];
  constructor(file: string, issues: ConfigIssue[]) {
    const lines = issues.map((issue) => `  ${issue.path || "(file)"}: ${issue.message}`);
    super(`${file}: ${issues.length} mistake${issues.length === 1 ? "" : "s"}\n${lines.join("\n")}`);
    this.name = "ConfigError";
    this.file = file;
    this.issues = issues;
  }
}

/** `["issuers", 0, "prefix"]` as `issuers[0].prefix`. */
export function dottedPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(String(part))) text += text === "" ? String(part) : `.${String(part)}`;
    else text += `['${String(part)}']`;
  }
  return text;
}

/** Levenshtein distance, for names of a few dozen characters. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** No name is as long; whoever sends one for a request would have it compared for seconds. */
const LONGEST_NAME = 256;

/** The valid name that was probably meant, if one is close enough to be worth naming. */
export function nearest(name: string, valid: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of valid) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase());
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

export function didYouMean(name: string, valid: readonly string[]): string {
  const guess = nearest(name, valid);
  if (guess !== undefined) return `did you mean "${guess}"?`;
  return valid.length > 0 ? `valid here: ${valid.join(", ")}` : "nothing is valid here";
}

type JsonSchema = {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
};

/** The names that are valid at a path, read from the schema itself so that no list can fall behind it. */
export function keysAt(schema: JsonSchema, path: readonly PropertyKey[]): string[] {
  const [head, ...rest] = path;
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return [...new Set(branches.flatMap((one) => keysAt(one, path)))];
  if (head === undefined) return Object.keys(schema.properties ?? {});
  if (typeof head === "number") return schema.items === undefined ? [] : keysAt(schema.items, rest);
  const property = schema.properties?.[String(head)];
  if (property !== undefined) return keysAt(property, rest);
  return typeof schema.additionalProperties === "object" ? keysAt(schema.additionalProperties, rest) : [];
}

/** Turns zod's issues into ours; unknown keys name the nearest valid one. */
export function toConfigIssues(error: z.ZodError, schema: JsonSchema): ConfigIssue[] {
  const found: ConfigIssue[] = [];
  const visit = (issues: readonly z.core.$ZodIssue[], prefix: PropertyKey[]): void => {
    for (const issue of issues) {
      const path = [...prefix, ...issue.path];
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) {
          found.push({
            path: dottedPath([...path, key]),
            message: `unknown key; ${didYouMean(key, keysAt(schema, path))}`,
          });
        }
      } else if (issue.code === "invalid_union" && issue.errors.length > 0) {
        // The branch with the fewest mistakes is the one that was meant.
        const branch = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
        visit(branch, path);
      } else if (issue.code === "invalid_value" && issue.values.length > 1) {
        found.push({ path: dottedPath(path), message: `must be one of ${issue.values.join(", ")}` });
      } else if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) {
        found.push({ path: dottedPath(path), message: "is needed" });
      } else {
        found.push({ path: dottedPath(path), message: issue.message });
      }
    }
  };
  visit(error.issues, []);
  return found;
}
