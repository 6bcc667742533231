import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { Deps } from "../deps.ts";
import type { Classified } from "../exchange.ts";
import { ask } from "./ask.ts";

const FRESH_MS = 1_000;

/** Puts the namespace's labels into policy's question. A namespace that does not exist has none. */
export async function namespaceLabels(exchange: Classified, deps: Deps): Promise<void> {
  const { namespace } = exchange.input.request;
  exchange.input.namespaceLabels = await exchange.connection.reader.read(
    `namespace/${namespace}`,
    FRESH_MS,
    async () => {
      const target = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
      const { status, json } = await ask(
        exchange,
        { purpose: "namespaceLabels", method: "GET", target, as: "gateway" },
        deps,
      );
      if (status === 404) return {};
      if (status !== 200) {
        throw new Refusal("outcome-unknown", `the labels of namespace ${namespace} could not be read (${status})`, {
          next: "The gateway's own account needs to get namespaces: `sallyport connection check` says what it lacks.",
        });
      }
      const metadata = json.metadata as KubernetesObject | undefined;
      return (metadata?.labels ?? {}) as Record<string, string>;
    },
  );
}
