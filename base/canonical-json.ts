import canonicalize from "canonicalize";

/**
 * RFC 8785 canonical JSON: the same value gives the same bytes, whatever the order of its keys.
 * Throws a TypeError on what JSON cannot say (undefined at the top, NaN, functions), since a digest of
 * "almost this value" would bind an approval to something else.
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("value has no JSON form");
  return text;
}
