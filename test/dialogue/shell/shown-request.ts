import { kubernetesRequests } from "../../../dialogue/shell/kubernetes-requests.ts";
import { readCommands } from "../../../dialogue/shell/read-commands.ts";
import type { CommandContext, CommandRequest } from "../../../dialogue/shell/types.ts";
import { resourceOf, resourceOfKind } from "../../../kubernetes/resources.ts";

/** The resources of Kubernetes itself, and an agent whose kubeconfig is of the namespace shop. */
export const CONTEXT: CommandContext = {
  namespace: "shop",
  resource(name) {
    try {
      return resourceOf(name);
    } catch {
      return undefined;
    }
  },
  kind: resourceOfKind,
};

export function requestsOf(text: string, context: CommandContext = CONTEXT): CommandRequest[] {
  return readCommands(text).flatMap((command) => kubernetesRequests(command, context));
}

/** `patch apps/deployments/scale shop/web`; `?` before what is not known. */
export function shownRequest(one: CommandRequest): string {
  const { verb, group, resource, subresource, namespace, name, labelSelector, fieldSelector, dryRun, unknown } = one;
  const type = [
    ...(group === undefined || group === "" ? [] : [group]),
    resource,
    ...(subresource === "" ? [] : [subresource]),
  ];
  return [
    verb,
    one.path ?? type.join("/"),
    one.path === undefined ? `${namespace}/${name}` : "",
    labelSelector === "" ? "" : `-l ${labelSelector}`,
    fieldSelector === "" ? "" : `--field-selector ${fieldSelector}`,
    dryRun ? "dry" : "",
    one.exec === undefined ? "" : `-- ${one.exec.command.join(" ")}`,
    one.through === undefined ? "" : `by ${one.through}`,
    ...unknown.map((part) => `?${part}`),
  ]
    .filter((part) => part !== "")
    .join(" ");
}
