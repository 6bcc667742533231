import { helmRequests } from "./helm.ts";
import { parseKubectl } from "./kubectl/command-line.ts";
import { kubectlRequests } from "./kubectl/requests.ts";
import type { CommandContext, CommandRequest, ShellCommand } from "./types.ts";

/** `kubectl get pods,svc,…` may name as many as its text is long. */
const MAX_REQUESTS = 200;

/**
 * The requests that a kubectl or helm command would make of the API server, as far as its text says; none of another
 * program, and of a command that could not be read. Never throws.
 */
export function kubernetesRequests(command: ShellCommand, context: CommandContext): CommandRequest[] {
  if (command.unparsed !== undefined) return [];
  const [program = "", ...words] = command.argv;
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (name === "helm") return helmRequests(words, context).slice(0, MAX_REQUESTS);
  if (name !== "kubectl") return [];
  const line = parseKubectl(words);
  if ("unparsed" in line) return [];
  return kubectlRequests({ line, stdin: command.stdin, context }).slice(0, MAX_REQUESTS);
}
