/** Whether a URL's host never leaves this machine: 127.0.0.0/8, ::1, and localhost (RFC 6761 §6.3). */
export function isLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname } = new URL(text);
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** https anywhere, http only on loopback: tokens and keys never cross a network in the clear. */
export function isHttpsOrLoopback(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && isLoopbackUrl(text));
}

/** A git repository's URL as pip and npm write it: which program fetches it stands before its scheme. */
export function isGitUrl(text: string): boolean {
  return /^git\+(https|ssh|file):\/\//.test(text) && URL.canParse(text.slice("git+".length));
}

/** A URL as it may be said: what stands in its query may be a signature or a token, unless it is of git (ref, path). */
export function shownUrl(text: string): string {
  return /^https?:/i.test(text) ? text.replace(/[?#].*$/s, "?…") : text;
}
