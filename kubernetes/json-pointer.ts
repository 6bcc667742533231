import { malformed } from "./body/json.ts";

/** The longest key of Kubernetes' own, an annotation's, has 317 characters. */
const LONGEST = 8192;

/** The tokens of a JSON pointer (RFC 6901), unescaped. Throws Refusal `malformed-body`. */
export function pointerTokens(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw malformed("a JSON pointer does not start with /");
  if (pointer.length > LONGEST) throw malformed(`a JSON pointer is longer than ${LONGEST} characters`);
  return pointer.slice(1).split("/").map(unescapeToken);
}

function unescapeToken(token: string): string {
  if (/~(?![01])/.test(token)) throw malformed("a JSON pointer holds an invalid ~ escape");
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}
