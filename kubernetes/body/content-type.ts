import { Refusal } from "../../base/errors.ts";
import type { RequestAttributes } from "../types.ts";

export type PatchType = Exclude<RequestAttributes["patchType"], "">;

const APPLY_CBOR = "application/apply-patch+cbor";
const PATCH_TYPES: Record<string, PatchType> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
  // Of servers with the feature gate CBORServingAndStorage, alpha and off in 1.36: it goes upstream as YAML.
  [APPLY_CBOR]: "apply",
};

/** The media type that a patch goes upstream as. */
export const PATCH_CONTENT_TYPES: Record<PatchType, string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

function patchMediaType(contentType: string): string {
  const end = contentType.indexOf(";");
  return end > 0 ? contentType.slice(0, end) : contentType;
}

/** Whether a patch, of type `apply`, is written in CBOR and not in YAML. */
export function isCborPatch(contentType: string): boolean {
  return patchMediaType(contentType) === APPLY_CBOR;
}

/** The type of a patch, exactly as the API server reads the header: up to the first `;`, with no trimming (handlers/patch.go). */
export function patchTypeOf(contentType: string): RequestAttributes["patchType"] {
  const type = patchMediaType(contentType);
  return Object.hasOwn(PATCH_TYPES, type) ? (PATCH_TYPES[type] as PatchType) : "";
}

export function unsupportedMediaType(contentType: string, next: string): Refusal {
  return new Refusal(
    "unsupported-media-type",
    `the content type "${contentType.slice(0, 100)}" is not supported here`,
    {
      next,
    },
  );
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = new RegExp(`^\\s*(${TOKEN}/${TOKEN})\\s*((?:;\\s*${TOKEN}=(?:${TOKEN}|"[^"\\\\]*")\\s*)*);?\\s*$`);
const LONGEST = 256;
export type BodyFormat = "json" | "yaml" | "protobuf" | "cbor";
const FORMATS: Record<string, BodyFormat> = {
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
  // As apply patches in CBOR: it goes upstream as JSON, and a server that serves no CBOR never sees it.
  "application/cbor": "cbor",
};

/**
 * The format of a body that is no patch. An empty header is JSON, as it is to the API server
 * (negotiation.NegotiateInputSerializerForMediaType). Throws Refusal `unsupported-media-type`.
 */
export function bodyFormat(contentType: string): BodyFormat {
  if (contentType === "") return "json";
  // A header may have 64 KiB, and the time to match grows with its square.
  const match = contentType.length > LONGEST ? null : MEDIA_TYPE.exec(contentType);
  const type = match?.[1]?.toLowerCase() ?? "";
  if (Object.hasOwn(FORMATS, type)) {
    const charset = /;\s*charset="?([^";\s]+)/i.exec(match?.[2] ?? "")?.[1];
    // RFC 8259 §8.1: JSON is UTF-8. The server ignores the parameter; another charset means a confused client.
    if (charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset)) return FORMATS[type] as BodyFormat;
    throw unsupportedMediaType(contentType, "Send the body in UTF-8.");
  }
  throw unsupportedMediaType(contentType, "Send application/json or application/yaml.");
}
