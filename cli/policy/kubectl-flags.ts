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

interface Named {
  resource: ApiResource;
  name: string;
}

/** `pods`, `pods web db` or `pods/web services/db`: each of them is a request of its own. */
export function each({ args }: Flags): Named[] {
  const [first = "", ...names] = args;
  if (first === "") throw new UserError("the command names no resource", { exitCode: 2 });
  if (!first.includes("/")) {
    const resource = resourceOf(first);
    return names.length === 0 ? [{ resource, name: "" }] : names.map((name) => ({ resource, name }));
  }
  return args.map((arg) => {
    const [kind = "", name = "", ...rest] = arg.split("/");
    if (name === "" || rest.length > 0) throw new UserError(`"${arg}" is no resource/name`, { exitCode: 2 });
    return { resource: resourceOf(kind), name };
  });
}

/** What is not looked at must not seem to be allowed. */
export function nothingMore(rest: readonly string[], next: string): void {
  if (rest.length > 0) throw new UserError(`nothing is known here of "${rest.join(" ")}"`, { exitCode: 2, next });
}

/** The one object that has to be named. */
export function one(flags: Flags): Named {
  const [found, ...more] = withNames(each(flags));
  if (found === undefined) throw new UserError("the command names no object", { exitCode: 2 });
  nothingMore(
    more.map(({ name }) => name),
    "Ask about one object at a time.",
  );
  return found;
}

/** As each, where every object has to be named. */
export function withNames(found: Named[]): Named[] {
  for (const { resource, name } of found) {
    if (name === "") throw new UserError(`the command names no object of ${resource.resource}`, { exitCode: 2 });
  }
  return found;
}

export const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
