import { parseKubectl } from "./kubectl/command-line.ts";
import type { ShellCommand } from "./types.ts";

/** Names whose meaning a text may change, to ill effect. */
const GUARDED = ["kubectl", "helm", "cat", "echo", "printf", "sudo", "env", "command", "sh", "bash"];

/** What only the whole text says: functions that stand in for programs, and how kubectl reads its own words. */
export function finish(commands: readonly ShellCommand[], functions: ReadonlySet<string>): ShellCommand[] {
  const redefined = GUARDED.some((name) => functions.has(name));
  return commands.map((command) => {
    const [program = ""] = command.argv;
    const name = program.slice(program.lastIndexOf("/") + 1);
    if (redefined && (functions.has(program) || command.stdin !== undefined)) {
      const { stdin: _, ...rest } = command;
      return { unparsed: "redefined", ...rest };
    }
    // An alias that many have set up, and that a text does not show.
    if (name === "k" && !functions.has("k")) return { unparsed: "alias", ...command };
    if (/^kubectl-/.test(name)) return { unparsed: "plugin", ...command };
    return name === "kubectl" ? ofKubectl(command) : command;
  });
}

function ofKubectl(command: ShellCommand): ShellCommand {
  const line = parseKubectl(command.argv.slice(1));
  if ("unparsed" in line) return { unparsed: line.unparsed, ...command };
  if (line.command === "proxy")
    return { ...command, around: "kubectl proxy opens the API to whoever reaches its port" };
  return command;
}
