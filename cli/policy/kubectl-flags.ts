import { parseArgs } from "node:util";
import { errorMessage, UserError } from "../../base/errors.ts";
import { type ApiResource, resourceOf } from "../../kubernetes/resources.ts";

const OPTIONS = {
  namespace: { type: "string", short: "n" },
  "all-namespaces": { type: "boolean", short: "A" },
  selector: { type: "string", short: "l" },
  "field-selector": { type: "string" },
  watch: { type: "boolean", short: "w" },
  raw: { type: "string" },
  filename: { type: "string", short: "f", multiple: true },
  "server-side": { type: "boolean" },
  "dry-run": { type: "string" },
  patch: { type: "string", short: "p" },
  type: { type: "string" },
  subresource: { type: "string" },
  replicas: { type: "string" },
  cascade: { type: "string" },
  "grace-period": { type: "string" },
  force: { type: "boolean" },
  container: { type: "string", short: "c" },
  stdin: { type: "boolean", short: "i" },
  tty: { type: "boolean", short: "t" },
  follow: { type: "boolean" },
  image: { type: "string" },
  output: { type: "string", short: "o" },
} as const;

/** A kubectl command line, read. */
export interface Flags {
  namespace: string;
  values: ReturnType<typeof parseKubectl>["values"];
  /** Behind the verb. */
  args: string[];
  /** Behind `--`. */
  command: string[];
}

/** Reads a command line without `kubectl`. Throws a UserError (exit 2). */
export function parseKubectl(args: readonly string[]) {
  const end = args.indexOf("--");
  const behind = end < 0 ? [] : args.slice(end + 1);
  try {
    const { values, positionals } = parseArgs({
      args: end < 0 ? [...args] : args.slice(0, end),
      options: OPTIONS,
      allowPositionals: true,
    });
    return { values, positionals, behind };
  } catch (error) {
    throw new UserError(errorMessage(error).split(". To specify")[0] ?? "", { exitCode: 2 });
  }
}

export function withQuery(path: string, query: string): string {
  return query === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

/** `pods web`, `pods/web` or `pods`. */
export function named({ args }: Flags): { resource: ApiResource; name: string } {
  const [first = "", second = ""] = args;
  if (first === "") throw new UserError("the command names no resource", { exitCode: 2 });
  const slash = first.indexOf("/");
  if (slash < 0) return { resource: resourceOf(first), name: second };
  return { resource: resourceOf(first.slice(0, slash)), name: first.slice(slash + 1) };
}

/** As named, where an object has to be. */
export function one(flags: Flags): { resource: ApiResource; name: string } {
  const found = named(flags);
  if (found.name === "")
    throw new UserError(`the command names no object of ${found.resource.resource}`, { exitCode: 2 });
  return found;
}

export const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
