/** Behind these a slash divides; anywhere else it opens a regular expression. */
const OPERAND = /[\w)\]$"]/;

/** Whether awk (POSIX, and gawk's own) would start a program, open a connection or call what no text names. */
export function awkStarts(words: readonly string[]): boolean {
  return programs(words).some((program) => starts(program));
}

function programs(words: readonly string[]): string[] {
  const given: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") return [...given, words[i + 1] ?? ""];
    if (/^-[Fvf]/.test(word)) i += word.length === 2 ? 1 : 0;
    else if (/^-(?:e|-source)$/.test(word)) given.push(words[++i] ?? "");
    else if (word.startsWith("--source=")) given.push(word.slice("--source=".length));
    // gawk's others, of which some take a word: any of those that follow may be the program.
    else if (/^-./.test(word)) {
      if (!/^--(?:re-interval|posix|traditional|sandbox|csv|field-separator=.*|assign=.*)$/.test(word))
        return [...given, ...words.slice(i + 1)];
    } else return given.length > 0 ? given : [word];
  }
  return given;
}

function starts(program: string): boolean {
  let before = "";
  for (let i = 0; i < program.length; i++) {
    const char = program[i] ?? "";
    if (char === '"') {
      const end = quoted(program, i);
      if (program.slice(i, end).startsWith('"/inet')) return true;
      i = end - 1;
    } else if (char === "#") {
      const end = program.indexOf("\n", i);
      if (end < 0) return false;
      i = end - 1;
    } else if (char === "/" && !OPERAND.test(before)) {
      const end = expression(program, i);
      // What is read otherwise than it was meant.
      if (end === undefined) return true;
      i = end - 1;
    } else if (char === "|" && program[i + 1] === "|") i++;
    else if (char === "|" || char === "@") return true;
    else if (char === "s" && /^system\s*\(/.test(program.slice(i, i + 40)) && !/\w/.test(program[i - 1] ?? ""))
      return true;
    if (!/\s/.test(char)) before = char;
  }
  return false;
}

function quoted(program: string, start: number): number {
  for (let i = start + 1; i < program.length; i++) {
    if (program[i] === "\\") i++;
    else if (program[i] === '"') return i + 1;
  }
  return program.length;
}

/** Behind a regular expression, in whose brackets a slash is a slash; undefined where its line ends before it. */
function expression(program: string, start: number): number | undefined {
  let bracket = false;
  for (let i = start + 1; i < program.length; i++) {
    const char = program[i];
    if (char === "\\") i++;
    else if (char === "\n") return undefined;
    else if (char === "[" && !bracket) {
      bracket = true;
      if (program[i + 1] === "^") i++;
      if (program[i + 1] === "]") i++;
    } else if (char === "]") bracket = false;
    else if (char === "/" && !bracket) return i + 1;
  }
  return undefined;
}
