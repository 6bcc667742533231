/** Whether GNU sed would run a command: `e`, or `s` with the flag of that name, by whatever delimiter. */
export function sedStarts(words: readonly string[]): boolean {
  const scripts: string[] = [];
  const operands: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      operands.push(...words.slice(i + 1));
      break;
    }
    const [, long, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (long !== undefined) {
      if ("expression".startsWith(long)) scripts.push(value ?? words[++i] ?? "");
      else if (value === undefined && ("file".startsWith(long) || "line-length".startsWith(long))) i++;
    } else if (/^-./.test(word)) {
      const [, letter, rest = ""] = /^-[nErsuzb]*([^nErsuzb])?(.*)$/s.exec(word) ?? [];
      if (letter === "e") scripts.push(rest === "" ? (words[++i] ?? "") : rest);
      else if ((letter === "f" || letter === "l") && rest === "") i++;
    } else operands.push(word);
  }
  // macOS' `-i` takes a word of its own, which may be empty.
  const first = operands[0] === "" ? operands.slice(0, 2) : operands.slice(0, 1);
  return [...(scripts.length > 0 ? [scripts.join("\n")] : []), ...(scripts.length > 0 ? [] : first)].some((script) => {
    // Seds differ in whether a delimiter in brackets ends the pattern.
    const readings = [runs(script, true), runs(script, false)];
    return readings.includes(true) || (!readings.includes(false) && script.includes("e"));
  });
}

const ADDRESS = /^(?:\d+|\$)(?:~\d+)?|^[+~]\d+/;
/** Those that take a file, a label or a text to the end of their line. */
const TO_LINE_END = /^[#rwRWaic]/;

/** Undefined where the script is not understood. */
function runs(script: string, brackets: boolean): boolean | undefined {
  let rest = script;
  for (;;) {
    rest = rest.replace(/^[\s;{}]+/, "");
    if (rest === "") return false;
    const behind = skipAddresses(rest, brackets);
    if (behind === undefined) return undefined;
    rest = behind.replace(/^[\s!]+/, "");
    const [command = ""] = rest;
    if (command === "e") return true;
    if (command === "s" || command === "y") {
      const parts = delimited(rest, 1, 2, brackets);
      if (parts === undefined) return undefined;
      const [flags = ""] = /^[a-zA-Z\d]*/.exec(rest.slice(parts)) ?? [];
      const file = flags.indexOf("w");
      if (command === "s" && flags.slice(0, file < 0 ? undefined : file).includes("e")) return true;
      rest = file < 0 ? rest.slice(parts + flags.length) : lineEnd(rest.slice(parts));
    } else if (TO_LINE_END.test(command)) rest = lineEnd(rest);
    else if (/^[:btTvqQlL]/.test(command)) rest = rest.replace(/^[^;\n}]*/, "");
    else if (/^[{}dDgGhHnNpPxzF=]/.test(command)) rest = rest.slice(1);
    else return undefined;
  }
}

/** A backslash before the end of a line goes on with the next. */
const lineEnd = (text: string): string => text.replace(/^(?:\\[\s\S]|[^\\\n])*/, "");

function skipAddresses(text: string, brackets: boolean): string | undefined {
  let rest = text;
  for (let i = 0; i < 2; i++) {
    const [number] = ADDRESS.exec(rest) ?? [];
    if (number !== undefined) rest = rest.slice(number.length);
    else if (/^(?:\/|\\[^\n])/.test(rest)) {
      const end = delimited(rest, rest.startsWith("/") ? 0 : 1, 1, brackets);
      if (end === undefined) return undefined;
      rest = rest.slice(end).replace(/^[IM]+/, "");
    } else if (i === 1) return undefined;
    if (!/^\s*,/.test(rest)) return rest;
    rest = rest.replace(/^\s*,\s*/, "");
  }
  return rest;
}

/** The index behind so many parts, each ended by the character at `at`; where `brackets` says so, none is in brackets of a pattern. */
function delimited(text: string, at: number, parts: number, brackets: boolean): number | undefined {
  const delimiter = text[at];
  if (delimiter === undefined || delimiter === "\n" || delimiter === "\\") return undefined;
  let left = parts;
  let inside = false;
  for (let i = at + 1; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") i++;
    else if (brackets && char === "[" && !inside && left === parts) {
      inside = true;
      if (text[i + 1] === "^") i++;
      if (text[i + 1] === "]") i++;
    } else if (char === "]" && inside) inside = false;
    else if (char === delimiter && !inside && --left === 0) return i + 1;
  }
  return undefined;
}
