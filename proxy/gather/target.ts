import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead } from "../exchange.ts";
import { ask } from "./ask.ts";

/** The pod that an exec, attach, port-forward or log request is about, into policy's question. */
export async function target(exchange: BodyRead, deps: Deps): Promise<void> {
  const { attributes, input } = exchange;
  if (attributes.resource !== "pods") return;
  const path = `/api/v1/namespaces/${encodeURIComponent(attributes.namespace)}/pods/${encodeURIComponent(attributes.name)}`;
  const { status, json } = await ask(exchange, { purpose: "target", method: "GET", target: path, as: "caller" }, deps);
  if (status !== 200) {
    throw new Refusal("outcome-unknown", `the pod ${attributes.name} could not be read (${status})`, {
      decisionId: exchange.verdict.decisionId,
      causes: [{ rule: "request/outcome-unknown", message: `get pod answered ${status}` }],
    });
  }
  const metadata = (json.metadata ?? {}) as { uid?: string; labels?: Record<string, string> };
  const spec = (json.spec ?? {}) as KubernetesObject;
  input.target = {
    uid: metadata.uid ?? "",
    labels: metadata.labels ?? {},
    serviceAccountName: typeof spec.serviceAccountName === "string" ? spec.serviceAccountName : "",
  };
}
