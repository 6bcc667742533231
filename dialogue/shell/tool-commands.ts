import { readCommands } from "./read-commands.ts";
import type { CommandRequest, ReadOptions, ShellCommand, UnparsedReason } from "./types.ts";

/** Arguments that hold a shell's text in the tools of known agents: Claude Code's Bash, Codex' shell, Gemini's. */
const TEXTS = ["command", "cmd", "script", "commands", "shell_command", "command_line", "input"];
/** Tools whose name says that they run a shell. */
const SHELL = /bash|shell|terminal|\bexec|execute|run_?command|run_?cmd|console|powershell/i;
const KEPT = 500;
/** Of a command that is written as a list of words, and of commands in a list. */
const MAX_WORDS = 4096;
const MAX_LINES = 32;

/**
 * The commands that a tool call would start. A tool is taken for a shell's where its name says so or where an argument
 * is named like a command; a list of words is one command, as Codex writes it.
 */
export function commandsOfTool(
  name: string,
  args: Readonly<Record<string, unknown>> | undefined,
  options: ReadOptions = {},
): ShellCommand[] {
  const shell = SHELL.test(name);
  return TEXTS.flatMap((key): ShellCommand[] => {
    const value = args !== undefined && Object.hasOwn(args, key) ? args[key] : undefined;
    // `input` of another tool is anything.
    if (key === "input" && !shell) return [];
    if (typeof value === "string") return readCommands(value, options);
    if (!Array.isArray(value)) return [];
    if (value.length > MAX_WORDS) return [{ argv: [], text: "", unparsed: "too-many" }];
    if (key === "commands") {
      if (value.length > MAX_LINES) return [{ argv: [], text: "", unparsed: "too-many" }];
      return value.flatMap((one) => (typeof one === "string" ? readCommands(one, options) : []));
    }
    if (!value.every((word) => typeof word === "string")) return [{ argv: [], text: "", unparsed: "syntax" }];
    return readCommands(value.map(quoted).join(" "), options);
  });
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
