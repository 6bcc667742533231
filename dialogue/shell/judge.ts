import { parseKubectl } from "./kubectl/command-line.ts";
import type { ShellCommand, UnparsedReason } from "./types.ts";

/** Names whose meaning a text may change, to ill effect. */
const GUARDED = ["kubectl", "helm", "cat", "echo", "printf", "sudo", "env", "command", "sh", "bash"];

/** What only the whole text says: functions that stand in for programs, and how kubectl reads its own words. */
export function finish(commands: readonly ShellCommand[], functions: ReadonlySet<string>): ShellCommand[] {
  const odd = commands.some(changesWords);
  const redefined = GUARDED.some((name) => functions.has(name));
  return commands.map((one) => {
    const command = odd && one.unparsed === undefined && isChanged(one) ? { ...one, unparsed: DIALECT } : one;
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

const DIALECT: UnparsedReason = "dialect";

/** `set -k` or `set +B`, or a shell with such an option. */
const changesWords = ({ unparsed, argv: [program = ""] }: ShellCommand): boolean =>
  unparsed === "dialect" && /(?:^|\/)(?:set|shopt|\w*sh)$/.test(program);

const isChanged = ({ argv, text }: ShellCommand): boolean =>
  text.includes("{") || argv.slice(1).some((word) => /^[A-Za-z_]\w*\+?=/.test(word));

function ofKubectl(command: ShellCommand): ShellCommand {
  const line = parseKubectl(command.argv.slice(1));
  if ("unparsed" in line) return { unparsed: line.unparsed, ...command };
  if (line.command === "proxy")
    return { ...command, around: "kubectl proxy opens the API to whoever reaches its port" };
  return command;
}
