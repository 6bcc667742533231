import { parseAllDocuments } from "yaml";
import { MAX_DOCUMENT } from "../limits.ts";
import type { CommandRequest } from "../types.ts";
import { type Asked, fromFile, request, type Target } from "./asked.ts";
import { lastOf } from "./command-line.ts";

const MAX_DOCUMENTS = 64;
type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const word = (value: unknown): string => (typeof value === "string" ? value : "");

/** Each object that the command's files hold: those of `-f -` where its input is known, else one that says nothing. */
export function documents(asked: Asked, verb: string): CommandRequest[] {
  const files = asked.line.options.get("filename") ?? [];
  const others = files.some((file) => file !== "-") || asked.line.options.has("kustomize");
  const read = files.includes("-") ? objects(asked.stdin) : [];
  if (read === undefined) return [fromFile(asked, verb)];
  return [...read.map((object) => written(asked, verb, object)), ...(others ? [fromFile(asked, verb)] : [])];
}

/** The objects of a YAML or JSON text, lists taken apart; undefined where it is not known or cannot be read. */
function objects(text: string | undefined): Fields[] | undefined {
  if (text === undefined || text.length > MAX_DOCUMENT) return undefined;
  try {
    // As sigs.k8s.io/yaml reads them: `yes` is true.
    const parsed = parseAllDocuments(text, {
      version: "1.1",
      schema: "yaml-1.1",
      uniqueKeys: false,
      logLevel: "silent",
    });
    if (!Array.isArray(parsed) || parsed.length > MAX_DOCUMENTS) return undefined;
    if (parsed.some(({ errors }) => errors.length > 0)) return undefined;
    const values = parsed.map((one) => one.toJS({ maxAliasCount: 100 }) as unknown).filter((value) => value != null);
    const flat = values.flatMap((value) =>
      isFields(value) && Array.isArray(value.items) && word(value.kind).endsWith("List") ? value.items : [value],
    );
    return flat.every(isFields) ? flat : undefined;
  } catch {
    return undefined;
  }
}

function written(asked: Asked, verb: string, object: Fields): CommandRequest {
  const [apiVersion, kind] = [word(object.apiVersion), word(object.kind)];
  if (apiVersion === "" || kind === "") return fromFile(asked, verb);
  const metadata = isFields(object.metadata) ? object.metadata : {};
  const resource = asked.context.kind(apiVersion, kind);
  const name = word(metadata.name);
  const target: Target = { resource, unknownGroup: false, name: verb === "create" ? "" : name };
  const namespace = word(metadata.namespace);
  const own = resource.namespaced && namespace !== "" ? { namespace } : {};
  const unknown = name === "" && verb !== "create" ? (["name"] as const) : [];
  const subresource = lastOf(asked.line, "subresource") ?? "";
  const made = request(asked, verb, target, { body: object, ...own, unknown, subresource, labelSelector: "" });
  // RequestInfo has no name for a create, and a namespace that is created is in its own path by no name.
  return verb === "create" && resource.resource === "namespaces" ? { ...made, namespace: "" } : made;
}

/** A text that is JSON or YAML, as `kubectl patch -p` takes it. */
export function parsed(text: string): unknown {
  if (text.length > MAX_DOCUMENT) return undefined;
  try {
    return parseAllDocuments(text, { version: "1.1", schema: "yaml-1.1", logLevel: "silent" })[0]?.toJS({
      maxAliasCount: 100,
    });
  } catch {
    return undefined;
  }
}
