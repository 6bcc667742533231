import { parseKubectl } from "../../dialogue/shell/kubectl/command-line.ts";
import type { ShellCommand } from "../../dialogue/shell/types.ts";
import type { ExpectedRequest } from "./link.ts";

/** As `sallyport kubeconfig` names the context of a connection. */
const OURS = /^sallyport-([a-z0-9-]+)$/;
const CONTEXT = /^--kube-context(?:=(.*))?$/s;
/** Programs that have later commands ask another cluster. */
const MOVERS = new Set(["kubectx", "kubens", "kubie", "kubeswitch"]);
const CONFIG =
  /^config (?:use-context|use|set|set-context|set-cluster|set-credentials|unset|rename-context|delete-.*)$/;

/**
 * Which cluster a command is about: the connection that its context is named after, or one that nobody here knows (`--server`,
 * `KUBECONFIG`, another context). `moved`: a command before it may have changed the kubeconfig.
 */
export function whereOf(
  { argv, overrides = [] }: ShellCommand,
  moved: boolean,
): Pick<ExpectedRequest, "connection" | "elsewhere"> {
  const context = contextOf(argv);
  const connection = context === undefined ? undefined : OURS.exec(context)?.[1];
  if (overrides.length > 0 || (context !== undefined && connection === undefined)) return { elsewhere: true };
  if (connection !== undefined) return { connection };
  return moved ? { elsewhere: true } : {};
}

/** Whether commands after it may ask another cluster, or in another namespace, than those before. */
export function movesContext({ argv, overrides = [], unparsed }: ShellCommand): boolean {
  if (overrides.length > 0) return true;
  const [program = "", ...words] = argv;
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (MOVERS.has(name)) return true;
  if (name !== "kubectl" || unparsed !== undefined) return false;
  const line = parseKubectl(words);
  return !("unparsed" in line) && CONFIG.test(line.command);
}

function contextOf([program = "", ...words]: readonly string[]): string | undefined {
  if (program.endsWith("kubectl")) {
    const line = parseKubectl(words);
    return "unparsed" in line ? undefined : line.options.get("context")?.at(-1);
  }
  const at = words.findIndex((word) => CONTEXT.test(word));
  return at < 0 ? undefined : (CONTEXT.exec(words[at] ?? "")?.[1] ?? words[at + 1] ?? "");
}
