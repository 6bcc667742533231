const META_KINDS = new Set(["Table", "PartialObjectMetadata", "PartialObjectMetadataList"]);

export interface NarrowedAccept {
  /** The Accept header that goes upstream: only what can be masked. */
  accept: string;
  /** The client takes YAML and no JSON: the masked JSON is rendered as YAML for it. */
  render: "json" | "yaml";
}

interface Clause {
  type: string;
  parameters: Map<string, string>;
  quality: number;
}

/** The clauses of an Accept header in the order that the API server takes them: by q, then as written (goautoneg). */
function clauses(accept: string): Clause[] {
  const read = accept.split(",").flatMap((part): Clause[] => {
    const [type = "", ...rest] = part.split(";").map((piece) => piece.trim());
    if (type === "") return [];
    const parameters = new Map(
      rest.map((piece) => {
        const at = piece.indexOf("=");
        return at < 0
          ? [piece.toLowerCase(), ""]
          : [piece.slice(0, at).trim().toLowerCase(), piece.slice(at + 1).trim()];
      }),
    );
    const quality = Number(parameters.get("q") ?? "1");
    return quality > 0 ? [{ type: type.toLowerCase(), parameters, quality }] : [];
  });
  return read.sort((a, b) => b.quality - a.quality);
}

/**
 * What to ask upstream so that the answer can be masked: JSON, or a Table or PartialObjectMetadata in JSON.
 * Undefined for clients that take nothing of the kind (protobuf or CBOR alone): 406 `not-acceptable`.
 * The answer to a request narrowed like this must not be compressed either: leave Accept-Encoding out.
 */
export function narrowAccept(accept: string): NarrowedAccept | undefined {
  if (accept.trim() === "") return { accept: "application/json", render: "json" };
  if (accept.length > 4096) return undefined;
  const kept: string[] = [];
  let yaml = false;
  for (const { type, parameters } of clauses(accept)) {
    if (type === "application/yaml" || type === "text/yaml") yaml = true;
    if (type !== "application/json" && type !== "*/*" && type !== "application/*") continue;
    const as = parameters.get("as");
    if (as === undefined || type !== "application/json") {
      kept.push("application/json");
    } else if (META_KINDS.has(as)) {
      const version = parameters.get("v") ?? "";
      const group = parameters.get("g") ?? "";
      if (group === "meta.k8s.io" && /^v1(beta1)?$/.test(version)) {
        kept.push(`application/json;as=${as};v=${version};g=meta.k8s.io`);
      }
    }
  }
  if (kept.length > 0) return { accept: [...new Set(kept)].join(","), render: "json" };
  return yaml ? { accept: "application/json", render: "yaml" } : undefined;
}
