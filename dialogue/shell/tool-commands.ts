import { MAX_TEXT } from "./limits.ts";
import { nestedCommands } from "./nested-commands.ts";
import { readCommands } from "./read-commands.ts";
import { programOfTool, type ToolKind, toolKind } from "./tool-kinds.ts";
import type { CommandRequest, ReadOptions, ShellCommand, UnparsedReason } from "./types.ts";

/** Arguments that hold a shell's text in the tools of known agents: Claude Code's Bash, Codex' shell, Gemini's. */
const TEXTS = ["command", "cmd", "script", "commands", "shell_command", "command_line", "input"];
/** What is typed into a shell that runs already. */
const TYPED = ["chars", "text", "keys", "data"];
/** What is given to the command beside it, and what is set for it. */
const WORDS = ["args", "arguments", "argv"];
const ENVIRONMENTS = ["env", "environment", "env_vars", "environment_variables"];
/** Arguments of a kubectl tool that say nothing of what it asks. */
const ASIDE =
  /^(?:description|explanation|reason|modifiesresource|timeout\w*|cwd|dir|directory|workdir|workingdir(?:ectory)?)$/;
/** A word that a shell reads as it stands. */
const PROGRAM = /^[\w./@+:-]+$/;
const MAX_KEY = 40;
const KEPT = 500;
/** Of a command that is written as a list of words, and of commands in a list. */
const MAX_WORDS = 4096;
const MAX_LINES = 32;
/** Why what such a tool runs is not known, whatever its text says. */
const OPEN: Readonly<Partial<Record<ToolKind, UnparsedReason>>> = {
  elsewhere: "indirect",
  powershell: "dialect",
  typed: "script",
};

interface Entry {
  key: string;
  value: unknown;
}

/**
 * The commands that a tool call would start. A tool is taken for a shell's where its name says so or where an argument
 * is named like a command, in whatever case; a list of words is one command, as Codex writes it. Where the tool does with it
 * what nobody knows here (it types it, or runs it in a pod), one more command says so.
 */
export function commandsOfTool(
  name: string,
  args: Readonly<Record<string, unknown>> | undefined,
  options: ReadOptions = {},
): ShellCommand[] {
  const kind = toolKind(name);
  if (kind === "editor") return [];
  const entries = Object.entries(args ?? {}).map(([key, value]) => ({ key: folded(key), value }));
  const environments = valuesOf(entries, ENVIRONMENTS).map(({ value }) => environmentOf(value));
  const assignments = environments.flatMap((one) => one ?? []);
  const whole = assignments.length === 0 ? options : { ...options, assignments };
  const found = kind === "kubectl" ? ofProgram(name, entries, whole) : ofTexts(kind, entries, whole);
  if (found.length === 0) return nestedCommands(args, whole);
  const reason = OPEN[kind];
  return [
    ...found,
    ...(reason === undefined ? [] : [open(reason)]),
    ...(environments.includes(undefined) ? [open("environment")] : []),
  ];
}

function ofTexts(kind: ToolKind, entries: readonly Entry[], options: ReadOptions): ShellCommand[] {
  const keys = kind === "typed" ? [...TEXTS, ...TYPED] : TEXTS;
  // `input` of another tool is anything.
  const texts = valuesOf(entries, keys).filter(
    ({ key, value }) => (key !== "input" || kind !== "other") && isSaid(value, kind),
  );
  if (tooLong(texts)) return [open("too-long")];
  const words = valuesOf(entries, WORDS).flatMap(({ value }) => (isSaid(value, kind) ? [value] : []));
  return texts.flatMap(({ key, value }) =>
    key === "commands" ? listed(value, options) : called(value, key.startsWith("c") ? words : [], options),
  );
}

/** Of a tool that is kubectl or helm, which some begin with the program's name and some do not. */
function ofProgram(name: string, entries: readonly Entry[], options: ReadOptions): ShellCommand[] {
  const program = programOfTool(name);
  const said = valuesOf(entries, [...TEXTS, ...WORDS]).filter(({ value }) => value !== null && value !== undefined);
  if (said.length === 0) return [];
  if (tooLong(said)) return [open("too-long")];
  const text = said
    .map(({ value }) => (isWords(value) ? value.map(quoted).join(" ") : typeof value === "string" ? value : undefined))
    .reduce((all, one) => (all === undefined || one === undefined ? undefined : `${all} ${one}`));
  if (text === undefined) return [open("syntax")];
  const begins = new RegExp(`^\\s*'?(?:\\S*/)?${program}\\b`).test(text);
  const known = [...TEXTS, ...WORDS, ...ENVIRONMENTS].map(folded);
  const more = entries.some(({ key, value }) => !known.includes(key) && !ASIDE.test(key) && value !== null);
  return [
    ...readCommands(begins ? text : `${program} ${text}`, options),
    ...(more || said.length > 1 ? [open("indirect")] : []),
  ];
}

const valuesOf = (entries: readonly Entry[], keys: readonly string[]): Entry[] =>
  keys.flatMap((key) => entries.filter((one) => one.key === folded(key)));

/** Each is read by itself, and all of them on one thread. */
const tooLong = (texts: readonly Entry[]): boolean =>
  texts.reduce((sum, { value }) => sum + charactersOf(value), 0) > 4 * MAX_TEXT;

function charactersOf(value: unknown, level = 0): number {
  // A text alone that is too long says so itself.
  if (typeof value === "string") return level === 0 ? Math.min(value.length, 2 * MAX_TEXT) : value.length;
  if (!Array.isArray(value) || level > 1) return 0;
  return value.reduce((sum: number, one) => sum + charactersOf(one, level + 1), 0);
}

const folded = (key: string): string => (key.length > MAX_KEY ? key : key.toLowerCase().replace(/[_-]/g, ""));
/** Of a shell's tool whatever is there is a command; of another, a number is anything. */
const isSaid = (value: unknown, kind: ToolKind): boolean =>
  value !== null && value !== undefined && (kind !== "other" || typeof value === "string" || typeof value === "object");
const open = (unparsed: UnparsedReason): ShellCommand => ({ argv: [], text: "", unparsed });
const isWords = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((word) => typeof word === "string");

function listed(value: unknown, options: ReadOptions): ShellCommand[] {
  if (typeof value === "string") return readCommands(value, options);
  if (!Array.isArray(value)) return [open("syntax")];
  if (value.length > MAX_LINES) return [open("too-many")];
  return value.flatMap((one) => called(one, [], options));
}

/** A text, or the words of one command, and what is given to it beside. */
function called(value: unknown, more: readonly unknown[], options: ReadOptions): ShellCommand[] {
  const rest = more.filter((one) => !(Array.isArray(one) && one.length === 0) && one !== "");
  let text: string;
  if (typeof value === "string") text = value;
  else if (!isWords(value)) return [open("syntax")];
  else if (value.length > MAX_WORDS) return [open("too-many")];
  else text = value.map(quoted).join(" ");
  const [only] = rest;
  if (only === undefined) return readCommands(text, options);
  // Behind the text of a whole line nobody can tell where the words would go.
  const joins = rest.length === 1 && (typeof value !== "string" || PROGRAM.test(value));
  if (joins && isWords(only) && only.length <= MAX_WORDS)
    return readCommands(`${text} ${only.map(quoted).join(" ")}`, options);
  if (joins && typeof only === "string") return readCommands(`${text} ${only}`, options);
  return [...readCommands(text, options), open("syntax")];
}

/** Undefined where it says something that is not understood. */
function environmentOf(value: unknown): ReadOptions["assignments"] {
  if (isWords(value))
    return value.map((one) => {
      const equals = one.indexOf("=");
      return equals < 0 ? { name: one, value: null } : { name: one.slice(0, equals), value: one.slice(equals + 1) };
    });
  // `environment: "production"` is none of a shell's.
  if (typeof value === "string") return value.includes("=") ? undefined : [];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return undefined;
  return Object.entries(value).map(([name, one]) => ({
    name,
    value: typeof one === "string" || typeof one === "number" || typeof one === "boolean" ? String(one) : null,
  }));
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** `input.tool.commands` (contracts §1.1): what policy is asked of commands, and what they would ask of Kubernetes. */
export function policyCommands(
  commands: readonly ShellCommand[],
  requestsOf: (command: ShellCommand) => readonly CommandRequest[] = () => [],
): PolicyCommand[] {
  return commands.map((command) => {
    const { argv, text, unparsed, via, overrides, around } = command;
    const requests = requestsOf(command).map((one) => {
      const { verb, group = "", resource, subresource, namespace, name, labelSelector, dryRun, unknown } = one;
      return { verb, group, resource, subResource: subresource, namespace, name, labelSelector, dryRun, unknown };
    });
    return {
      argv,
      text: text.slice(0, KEPT),
      ...(unparsed === undefined ? {} : { unparsed }),
      ...(via === undefined ? {} : { via }),
      ...(overrides === undefined ? {} : { overrides }),
      ...(around === undefined ? {} : { around }),
      ...(requests.length === 0 ? {} : { requests }),
    };
  });
}

/** As engine/input.ts has it. */
export interface PolicyCommand {
  argv: string[];
  text: string;
  unparsed?: UnparsedReason;
  via?: string[];
  overrides?: { name: string; value?: string }[];
  around?: string;
  requests?: {
    verb: string;
    group: string;
    resource: string;
    subResource: string;
    namespace: string;
    name: string;
    labelSelector: string;
    dryRun: boolean;
    unknown: string[];
  }[];
}
