// What renders as nothing, reorders its neighbours or breaks a line: a reviewer must see it, not obey it
// (CVE-2021-42574, "Trojan Source"). Hangul fillers and variation selectors are Default_Ignorable as well.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

function shown(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** The text on one line, with control, bidirectional and invisible characters shown as escapes (`\u{202e}`). */
export function visible(text: string): string {
  return text.replace(INVISIBLE, shown);
}

/** `visible`, at most `max` UTF-16 units long, saying what was left out: a reader must know that there was more. */
export function clip(text: string, max: number): string {
  const line = visible(text);
  if (line.length <= max) return line;
  const cut = line.slice(0, max).replace(/[\uD800-\uDBFF]$/, "");
  return `${cut}… (${line.length - cut.length} more characters)`;
}

/**
 * YAML whose texts are all double-quoted, with control, bidirectional and invisible characters as YAML's own escapes:
 * it says the same, and a reader of the file sees it.
 */
export function visibleYaml(file: string): string {
  return file.replace(INVISIBLE, (character) => {
    if (character === "\n") return character;
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}
