import { Refusal } from "../base/errors.ts";

export const PATH_LIMIT = 8 * 1024;
export const QUERY_LIMIT = 16 * 1024;

/** Throws the refusal `bad-target`: a request line that two parsers could read in two ways is served by neither. */
export function badTarget(what: string): never {
  throw new Refusal("bad-target", `the request target is refused: ${what}`, {
    next: "Send the path in plain form, as kubectl and client-go do.",
  });
}

// Printable ASCII only: Go's parser takes raw bytes above 0x7e, Node hands them over as Latin-1.
const PRINTABLE = /^[\x21-\x7e]+$/;
const ESCAPES = /%(?![0-9A-Fa-f]{2})/;
// %2f and %5c are separators to some parsers and data to others; %25 is an escape that a second decoder
// would open (names cannot hold one: k8s.io/apimachinery content.IsPathSegmentName).
const AMBIGUOUS_ESCAPE = /%(?:2[fF5]|5[cC])/;

/** Splits `/path?query` and refuses what the API server and a proxy could read differently (wire-pitfalls: path differential, absolute form). */
export function splitTarget(target: string): { rawPath: string; rawQuery: string } {
  if (!target.startsWith("/")) badTarget("it is not in origin form (RFC 9112 §3.2.1)");
  const mark = target.indexOf("?");
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const rawQuery = mark < 0 ? "" : target.slice(mark + 1);
  if (rawPath.length > PATH_LIMIT) badTarget(`its path is longer than ${PATH_LIMIT} bytes`);
  if (rawQuery.length > QUERY_LIMIT) badTarget(`its query is longer than ${QUERY_LIMIT} bytes`);
  if (!PRINTABLE.test(target)) badTarget("it holds control or non-ASCII characters");
  if (target.includes("#")) badTarget("it holds a fragment");
  if (rawPath.includes("\\")) badTarget("it holds a backslash");
  return { rawPath, rawQuery };
}

const CONTROL = /\p{Cc}/u;

/** Decodes the path once, as Go's url.PathUnescape does, and splits it as RequestInfoFactory does. */
export function decodePath(rawPath: string): { path: string; parts: string[] } {
  let path = rawPath;
  if (rawPath.includes("%")) {
    if (ESCAPES.test(rawPath)) badTarget("it holds an invalid percent escape");
    if (AMBIGUOUS_ESCAPE.test(rawPath)) badTarget("it holds an encoded slash, backslash or percent sign");
    try {
      path = decodeURIComponent(rawPath);
    } catch {
      badTarget("its escapes are no UTF-8");
    }
    if (CONTROL.test(path)) badTarget("it holds an encoded control character");
  }
  if (path === "/") return { path, parts: [] };
  // splitPath in requestinfo.go trims slashes; one at the end is what services behind /proxy/ need.
  const parts = path.slice(1, path.endsWith("/") ? -1 : undefined).split("/");
  for (const part of parts) {
    if (part === "") badTarget("it holds an empty segment");
    if (part === "." || part === "..") badTarget("it holds a dot segment");
  }
  return { path, parts };
}
