/** Parts of fewer characters say nothing by themselves. */
const SHORT = 8;
const PARTS_LIMIT = 200;
/** A configuration file is not longer. */
const TEXT_LIMIT = 65_536;

/** The password in a URL's userinfo (RFC 3986 §3.2.1), as it stands and decoded. */
const URL_PASSWORD = /:\/\/[^\s:@/]{0,256}:([^\s@/]{8,1024})@/g;

/** What stands behind a name that promises a secret, in JSON, YAML, an env file or a properties file. */
const NAMED =
  /(?:pass|pwd|secret|token|key|credential|auth)[\w.-]{0,64}["']?[ \t]{0,8}[=:][ \t]{0,8}(?:"((?:[^"\\\n]|\\.){8,1024})"|'([^'\n]{8,1024})'|([^\s"',;{}[\]]{8,1024}))/gi;

/**
 * What a program may print of a value without the rest of it: the password of a connection string, and what a
 * configuration file (`.dockerconfigjson`, `.env`) holds under a name that promises a secret. Linear in the text.
 */
export function valueParts(value: string): string[] {
  const text = value.slice(0, TEXT_LIMIT);
  const parts = new Set<string>();
  for (const [, password = ""] of text.matchAll(URL_PASSWORD)) {
    parts.add(password);
    parts.add(decoded(password));
  }
  for (const [, double, single, bare] of text.matchAll(NAMED)) {
    if (double !== undefined) parts.add(double.includes("\\") ? unescaped(double) : double);
    else parts.add(single ?? bare ?? "");
  }
  parts.delete(value);
  return [...parts].filter((part) => part.length >= SHORT).slice(0, PARTS_LIMIT);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
