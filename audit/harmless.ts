// C0, DEL and C1 controls; the bidirectional overrides and isolates of UAX #9, which make text read as another; and
// zero-width and line-separator characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/**
 * Text from outside, safe to print on a terminal on one line: an escape sequence in a recorded name must not move the
 * cursor, set a title or hide what follows (CVE-2021-25743 is kubectl's own case). Controls become `\x1b`, `\u202e`.
 */
export function harmless(text: string): string {
  return text.toWellFormed().replace(DANGEROUS, (character) => {
    if (character === "\t") return "    ";
    if (character === "\n") return "\\n";
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** As `harmless`, for text of several lines: line ends stay. */
export function harmlessLines(text: string): string[] {
  return text.split(/\r?\n/).map(harmless);
}
