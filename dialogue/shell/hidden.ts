import type { Assignment } from "unbash";
import { basename } from "./layer.ts";

/** Builtins that take a variable's name, or arithmetic, in their words: bash runs what stands in a subscript there. */
const EVALUATES = new Set([
  ...["[", "test", "printf", "unset", "let", "read", "mapfile", "readarray", "wait", "getopts"],
  ...["declare", "typeset", "local", "export", "readonly"],
]);

/** Whether bash would run a substitution that stands in a text as plain characters: one in a subscript. */
export function hidesSubstitution(text: string): boolean {
  if (!/\$\(|`/.test(text)) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "[") depth++;
    // A bracket that is quoted ends none.
    else if (char === "]" && depth > 0 && !/['"\\]/.test(text[i - 1] ?? "")) depth--;
    else if (depth > 0 && (char === "`" || (char === "$" && text[i + 1] === "("))) return true;
  }
  return false;
}

/** As hidesSubstitution, of a condition or of arithmetic as it is written. */
export const hiddenInSource = (text: string): boolean =>
  hidesSubstitution(text) ||
  hidesSubstitution(text.replace(/[\\'"]/g, "")) ||
  (text.includes("$'") && /\[|\\(?:x5b|133|u0*5b)/i.test(text));

/** What reads a variable's value as arithmetic, or as a name with a subscript. */
const ARITHMETIC = /\(\(|\$\[|\blet\b|\b(?:declare|typeset|local|export|readonly)\s+-\w*i|\$\{\w+(?:\[|:[^-=+?])/;
const COMPARES = /\s-(?:eq|ne|lt|le|gt|ge|v)\s/;
const PLAIN_DOLLAR = /'[^']*[$`]|\\[$`]|\$'/;

/** Whether a text might put a substitution together of plain characters, and have it run by arithmetic. */
export const mayCompose = (text: string): boolean =>
  PLAIN_DOLLAR.test(text) && (ARITHMETIC.test(text) || (text.includes("[[") && COMPARES.test(text)));

/** Whether a value is put together of more than one piece, of which one is not written there. */
export function isComposed({ value, append }: Assignment): boolean {
  if (append === true) return true;
  const { parts = [] } = value.type === "Word" ? value : {};
  const pieces = parts.flatMap((part): readonly { type: string }[] =>
    part.type === "DoubleQuoted" || part.type === "LocaleString" ? part.parts : [part],
  );
  return pieces.length > 1 && pieces.some(({ type }) => /Expansion$/.test(type));
}

/** As hidesSubstitution, of a command and of what is set for it. */
export function hiddenIn(
  argv: readonly string[],
  assignments: readonly { name: string; value: string | null }[],
): boolean {
  if (assignments.some(({ value }) => value !== null && hidesSubstitution(value))) return true;
  const [program = "", ...words] = argv;
  return EVALUATES.has(basename(program)) && words.some(hidesSubstitution);
}

/** What a shell expands before it traces a command. */
export const runsInPrompt = (value: string | null): boolean =>
  value === null || /\$\(|`|\\[0-7]{3}|@P\}|\[/.test(value);

/** Editors and pagers by their bare names. */
const HARMLESS = /^(?:|:|true|cat|less(?: -[A-Za-z]+)?|more|vim?|nvim|nano|emacs|code(?: --wait)?)$/;
/** Settings of git that are commands, or name files that hold some. */
const RUNS =
  /^(?:alias\.|core\.(?:pager|editor|sshcommand|fsmonitor|hookspath|gitproxy|askpass|attributesfile|alternaterefscommand)$|sequence\.editor$|interactive\.difffilter$|pager\.|diff\.|difftool\.|mergetool\.|merge\.|filter\.|credential\.|gpg\.|include\.|includeif\.|browser\.|man\.|remote\.|uploadpack\.|init\.templatedir$|sendemail\.|trailer\.)/i;
/** Settings below the names above that are no commands. */
const PLAIN =
  /^(?:diff\.(?:renames|renamelimit|algorithm|noprefix|mnemonicprefix|context|colormoved|submodule|wserrorhighlight)|merge\.(?:conflictstyle|ff|renames|renamelimit|autostash|stat)|gpg\.format|credential\.(?:usehttppath|username|interactive)|remote\.pushdefault|(?:diff|merge)\.tool)$/i;
const STARTS = new Set(["bisect", "config", "difftool", "filter-branch", "mergetool", "rebase", "submodule"]);

/** Whether git is told, before or behind its subcommand, to start a program. */
export function gitStarts(words: readonly string[], names: RegExp): boolean {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "-c") {
      const [, key = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(words[++i] ?? "") ?? [];
      if (value.startsWith("!") || (RUNS.test(key) && !PLAIN.test(key) && !HARMLESS.test(value))) return true;
    } else if (/^--(?:config-env|exec-path=)/.test(word)) return true;
    else if (["-C", "--git-dir", "--work-tree", "--namespace"].includes(word)) i++;
    else if (!word.startsWith("-")) return STARTS.has(word) && words.slice(i + 1).some((one) => names.test(one));
  }
  return false;
}

/** Variables that are commands, which git, man and kubectl edit start. */
const COMMANDS =
  /^(?:GIT_(?:SSH|SSH_COMMAND|EDITOR|PAGER|SEQUENCE_EDITOR|EXTERNAL_DIFF|ASKPASS|PROXY_COMMAND|EXEC_PATH|TEMPLATE_DIR|CONFIG\w*)|SSH_ASKPASS|EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|BROWSER|KUBE_EDITOR|KUBECTL_EXTERNAL_DIFF)$/;

export const namesProgram = (name: string, value: string | null): boolean =>
  COMMANDS.test(name) && !(value !== null && HARMLESS.test(value)) && !/^GIT_CONFIG_NOSYSTEM$/.test(name);
