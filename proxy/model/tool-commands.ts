import { kubernetesRequests } from "../../dialogue/shell/kubernetes-requests.ts";
import { commandsOfTool, policyCommands } from "../../dialogue/shell/tool-commands.ts";
import { toolKind } from "../../dialogue/shell/tool-kinds.ts";
import type { CommandContext, CommandRequest, ShellCommand } from "../../dialogue/shell/types.ts";
import type { ToolCall } from "../../dialogue/types.ts";
import type { DialogueInput } from "../../engine/input.ts";
import { resourceOfKind } from "../../kubernetes/resources.ts";
import { type ChangedFile, changedFiles } from "./changed-files.ts";
import { builtIn, expectedRequests } from "./expected-requests.ts";
import type { OpenCall } from "./link.ts";
import { movesContext, whereOf } from "./where.ts";

/** What a tool call would run, as far as its text says. */
export interface ToolCommands extends Required<Pick<OpenCall, "expects" | "reach" | "kubectl" | "background">> {
  /** `input.tool.commands`. */
  forPolicy: NonNullable<DialogueInput["tool"]>["commands"];
  /** What its kubectl and helm commands would ask of a cluster. */
  requests: readonly CommandRequest[];
  /** How many commands could not be read. */
  unparsed: number;
  /** What it tells another agent to do. */
  says?: string;
  files: ChangedFile[];
}

/** Of one call so many are compared with the requests that come. */
const EXPECTED = 200;

/** @param servers Where API servers answer, beside the well-known names. */
export function commandsOf(call: ToolCall, servers: readonly string[] = []): ToolCommands {
  const commands = commandsOfTool(call.name, call.arguments, { servers });
  const asked = new Map(commands.map((command) => [command, kubernetesRequests(command, CONTEXT)]));
  const requestsOf = (command: ShellCommand): CommandRequest[] => asked.get(command) ?? [];
  const { prompt } = call.arguments ?? {};
  const moves = commands.some((command) => movesContext(command) && requestsOf(command).length === 0);
  return {
    forPolicy: policyCommands(commands, requestsOf),
    requests: commands.flatMap(requestsOf),
    unparsed: commands.filter(({ unparsed }) => unparsed !== undefined).length,
    expects: commands
      .flatMap((command) => {
        const where = whereOf(command, moves);
        return requestsOf(command).flatMap((one) => expectedRequests(one, command.argv, where));
      })
      .slice(0, EXPECTED),
    reach: reachOf(call.name, commands, requestsOf),
    kubectl: commands.filter((command) => programOf(command) === "kubectl").map(({ argv }) => argv.slice(1, 20)),
    background: isBackground(call, commands),
    ...(typeof prompt === "string" && commands.length === 0 ? { says: prompt } : {}),
    files: changedFiles(call, commands),
  };
}

const CONTEXT: CommandContext = { resource: builtIn, kind: resourceOfKind };

/** Tools of Claude Code and its like that run no program and talk to no cluster. */
const STILL =
  /^(?:Read|Write|Edit|MultiEdit|NotebookEdit|NotebookRead|Glob|Grep|LS|TodoWrite|TodoRead|Task|Agent|Skill|WebSearch|ExitPlanMode|EnterPlanMode|AskUserQuestion|BashOutput|TaskOutput|TaskStop|KillShell|KillBash|read_file|write_file|list_directory|replace|glob)$/;
/** Programs that talk to nobody; what they are made to run is a command of its own, or one that could not be read. */
const QUIET = new Set([
  ...["[", "awk", "base64", "basename", "cat", "cd", "cp", "cut", "date", "diff", "dirname", "echo", "egrep", "export"],
  ...["false", "fgrep", "grep", "head", "jq", "ls", "mkdir", "mv", "printf", "pwd", "rg", "rm", "sed", "set", "sleep"],
  ...["sort", "tail", "tee", "test", "touch", "tr", "true", "uniq", "wait", "wc", "which", "yq"],
]);

function reachOf(
  name: string,
  commands: readonly ShellCommand[],
  requestsOf: (command: ShellCommand) => readonly CommandRequest[],
): OpenCall["reach"] & string {
  if (commands.length === 0) return STILL.test(name) ? "nothing" : "anything";
  // What another tool does with a command is not for its text to say.
  if (!["shell", "kubectl"].includes(toolKind(name))) return "anything";
  const loud = commands.filter((command) => command.unparsed !== undefined || !QUIET.has(programOf(command)));
  if (loud.length === 0) return "nothing";
  const read = loud.every(
    (command) =>
      command.unparsed === undefined &&
      /^(?:kubectl|helm)$/.test(programOf(command)) &&
      requestsOf(command).every(({ path, verb }) => path === undefined && verb !== ""),
  );
  return read ? "discovery" : "anything";
}

function programOf({ argv: [program = ""] }: ShellCommand): string {
  return program.slice(program.lastIndexOf("/") + 1);
}

/** A command that the tool does not wait for: as its argument says (Claude Code's), or as the shell's text does. */
function isBackground({ arguments: args = {} }: ToolCall, commands: readonly ShellCommand[]): boolean {
  if (args.run_in_background === true || args.background === true || args.is_background === true) return true;
  const { command } = args;
  const forks = typeof command === "string" && /(?:^|[^&>|\\])&(?:[^&>\d]|$)/.test(command);
  return forks || commands.some(({ via = [] }) => via.some((word) => word === "nohup" || word === "setsid"));
}
