import { Refusal } from "../base/errors.ts";
import { patchTypeOf } from "./body/content-type.ts";
import { nameOfFieldSelector } from "./field-selector.ts";
import { isDryRun, parseQuery, queryBoolean } from "./query.ts";
import { badTarget, decodePath, splitTarget } from "./refuse-target.ts";
import type { RequestAttributes } from "./types.ts";

type Headers = Record<string, string | string[] | undefined>;
type Target = Omit<RequestAttributes, "accept" | "contentType" | "patchType">;

const VERBS: Record<string, string> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
const SPECIAL_VERBS = new Set(["proxy", "watch"]);
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);
const VERBS_WITH_SELECTORS = new Set(["list", "watch", "deletecollection"]);
/** Subresources that answer with a stream or another server's reply: CONNECT to admission, whatever the method. */
const CONNECT_SUBRESOURCES = new Set(["exec", "attach", "portforward", "proxy"]);
const OPERATIONS: Record<string, RequestAttributes["operation"]> = {
  create: "CREATE",
  update: "UPDATE",
  patch: "UPDATE",
  delete: "DELETE",
  deletecollection: "DELETE",
};

/** strconv.ParseInt(text, 10, 64) as ListOptions decodes it. */
function isInt64(values: string[] | undefined): boolean {
  const first = values?.[0];
  if (first === undefined) return true;
  if (!/^[+-]?\d{1,1000}$/.test(first)) return false;
  const value = BigInt(first.replace("+", ""));
  return BigInt.asIntN(64, value) === value;
}

function execOf(query: Record<string, string[]>): NonNullable<RequestAttributes["exec"]> {
  return {
    command: query.command ?? [],
    container: query.container?.[0] ?? "",
    stdin: queryBoolean(query.stdin),
    tty: queryBoolean(query.tty),
  };
}

/** RequestInfoFactory.NewRequestInfo of k8s.io/apiserver, step by step in its order. */
function readTarget(method: string, target: string): Target {
  const { rawPath, rawQuery } = splitTarget(target);
  const { path, parts } = decodePath(rawPath);
  const query = parseQuery(rawQuery);
  const info: Target = {
    path,
    target,
    method,
    query,
    nonResource: true,
    verb: method.toLowerCase(),
    operation: "",
    apiPrefix: "",
    group: "",
    version: "",
    resource: "",
    subResource: "",
    namespace: "",
    name: "",
    fieldSelector: "",
    labelSelector: "",
    dryRun: false,
    watch: false,
  };
  const [prefix] = parts;
  const versionAt = prefix === "api" ? 1 : prefix === "apis" ? 2 : 0;
  if (versionAt === 0 || parts.length < 3) return info;
  info.apiPrefix = prefix as string;
  if (parts.length < versionAt + 2) return info;
  info.nonResource = false;
  info.group = versionAt === 2 ? (parts[1] as string) : "";
  info.version = parts[versionAt] as string;
  let rest = parts.slice(versionAt + 1);

  const verbViaPath = SPECIAL_VERBS.has(rest[0] as string);
  if (verbViaPath) {
    if (rest.length < 2) badTarget(`a resource is missing after /${rest[0]}`);
    info.verb = rest[0] as string;
    rest = rest.slice(1);
  } else {
    info.verb = VERBS[method] as string;
  }
  if (rest[0] === "namespaces" && rest[1] !== undefined) {
    info.namespace = rest[1];
    if (rest[2] !== undefined && !NAMESPACE_SUBRESOURCES.has(rest[2])) rest = rest.slice(2);
  }
  info.resource = rest[0] as string;
  info.name = rest[1] ?? "";
  if (info.verb !== "proxy") info.subResource = rest[2] ?? "";

  if (info.name === "" && info.verb === "get") {
    info.verb = queryBoolean(query.watch) ? "watch" : "list";
    // Where ListOptions fails to decode, RequestInfoFactory leaves the name empty.
    if (isInt64(query.limit) && isInt64(query.timeoutSeconds))
      info.name = nameOfFieldSelector(query.fieldSelector?.[0] ?? "");
  }
  if (info.name === "" && info.verb === "delete") info.verb = "deletecollection";
  if (!verbViaPath && VERBS_WITH_SELECTORS.has(info.verb)) {
    info.fieldSelector = query.fieldSelector?.[0] ?? "";
    info.labelSelector = query.labelSelector?.[0] ?? "";
  }
  info.watch = info.verb === "watch";
  const connects = info.verb === "proxy" || CONNECT_SUBRESOURCES.has(info.subResource);
  info.operation = connects ? "CONNECT" : (OPERATIONS[info.verb] ?? "");
  // A connect ignores dryRun: `POST …/exec?dryRun=All` runs the command.
  info.dryRun = info.operation !== "" && !connects && isDryRun(query.dryRun);
  if (info.subResource === "exec" || info.subResource === "attach") info.exec = execOf(query);
  return info;
}

const text = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? value.join(", ") : (value ?? "");

/**
 * What a request asks for, as the API server itself will read it.
 * `target` is path and query below /connections/{name}, as received; `headers` are Node's (lower-case names).
 * Throws Refusal `bad-target` (ambiguous request lines) and `method-not-allowed`.
 */
export function requestAttributes(method: string, target: string, headers: Headers): RequestAttributes {
  if (!Object.hasOwn(VERBS, method)) {
    throw new Refusal("method-not-allowed", `the method ${method.slice(0, 20)} is not served here`, {
      next: "Use GET, HEAD, POST, PUT, PATCH or DELETE.",
    });
  }
  const contentType = text(headers["content-type"]);
  const attributes = readTarget(method, target) as RequestAttributes;
  attributes.accept = text(headers.accept);
  attributes.contentType = contentType;
  attributes.patchType = method === "PATCH" ? patchTypeOf(contentType) : "";
  return attributes;
}
