import type { Render } from "./body/encode.ts";

export interface NarrowedAccept {
  /** The Accept header that goes upstream: only what can be masked. */
  accept: string;
  /** What the client reads: the masked JSON is written anew in it. */
  render: Render;
}

interface Clause {
  type: string;
  parameters: Map<string, string>;
  quality: number;
}

/** The longest header, and the most clauses, that are looked at; client-go sends three. */
const HEADER_LIMIT = 4096;
const CLAUSE_LIMIT = 64;
const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;
const trim = (text: string): string => text.replace(/^ +| +$/g, "");

/** What stands before and after the first separator. */
function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** goautoneg.ParseAccept, which reads the header for the API server: what it skips is skipped. */
function clauses(accept: string): Clause[] {
  return accept.split(",", CLAUSE_LIMIT).flatMap((part): Clause[] => {
    const [range = "", ...rest] = trim(part).split(";");
    const [first, after] = cut(range, "/");
    const [second, rests] = cut(after, "/");
    const [type, subtype] = [trim(first), trim(second)];
    if (rests !== "" || (after === "" && type !== "*")) return [];
    const parameters = new Map<string, string>();
    let quality = 1;
    for (const piece of rest) {
      const [name, after] = cut(piece, "=");
      const [value, more] = cut(after, "=");
      if (after === "" || more !== "") continue;
      if (trim(name) !== "q") parameters.set(trim(name), trim(value));
      else quality = FLOAT.test(value) ? Number(value) : 0;
    }
    return [{ type: `${type}/${after === "" ? "*" : subtype}`, parameters, quality }];
  });
}

/** Its order, which is none where a wildcard has the higher q: so it is sorted as Go's sort.Sort does a short list. */
function before(a: Clause, b: Clause): boolean {
  if (a.quality > b.quality) return true;
  if (!a.type.startsWith("*") && b.type.startsWith("*")) return true;
  return !a.type.endsWith("/*") && b.type.endsWith("/*");
}

function sort(list: Clause[]): Clause[] {
  for (let i = 1; i < list.length; i++) {
    for (let j = i; j > 0 && before(list[j] as Clause, list[j - 1] as Clause); j--) {
      [list[j - 1], list[j]] = [list[j] as Clause, list[j - 1] as Clause];
    }
  }
  return list;
}

const TYPES: Record<string, Render> = {
  "*/*": "json",
  "application/*": "json",
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
  "application/cbor": "cbor",
};
const PARTIAL = new Set(["PartialObjectMetadata", "PartialObjectMetadataList"]);

/** The clause as one for JSON, or undefined where the API server would skip it (negotiation.acceptMediaTypeOptions). */
function asJson({ parameters }: Clause, render: Render): string | undefined {
  const [as, v, g] = ["as", "v", "g"].map((name) => parameters.get(name));
  const stream = parameters.get("stream") || undefined;
  if (parameters.get("sv") || (stream !== undefined && (stream !== "watch" || render === "yaml"))) return undefined;
  if (as === undefined && v === undefined && g === undefined) return "application/json";
  // Tables have a text form only (handlers.RequestScope.AllowsMediaTypeTransform).
  const allowed = PARTIAL.has(as ?? "") || (as === "Table" && (render === "json" || render === "yaml"));
  if (!allowed || g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return undefined;
  return `application/json;as=${as};v=${v};g=${g}`;
}

/**
 * What to ask upstream so that the answer can be masked: JSON, or a Table or PartialObjectMetadata in JSON. A client
 * that takes JSON gets it, whatever else it takes; any other gets the first of what it takes, written anew.
 * Undefined where the API server would serve none of it: 406 `not-acceptable`. YAML cannot be streamed: the API
 * server answers 406 to a watch in it.
 */
export function narrowAccept(accept: string): NarrowedAccept | undefined {
  if (accept === "") return { accept: "application/json", render: "json" };
  if (accept.length > HEADER_LIMIT) return undefined;
  const taken = sort(clauses(accept)).flatMap((clause) => {
    const render = Object.hasOwn(TYPES, clause.type) ? (TYPES[clause.type] as Render) : undefined;
    const json = render === undefined ? undefined : asJson(clause, render);
    return render === undefined || json === undefined ? [] : [{ render, json }];
  });
  const render = taken.some((one) => one.render === "json") ? "json" : taken[0]?.render;
  if (render === undefined) return undefined;
  const kept = taken.filter((one) => one.render === render).map((one) => one.json);
  return { accept: [...new Set(kept)].join(","), render };
}
