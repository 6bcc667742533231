import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead } from "../exchange.ts";
import { ask } from "./ask.ts";
import { UpstreamSaysNo } from "./outcome.ts";

/** Pods that were read, so that policy and the search for its Secrets share one read of an exchange. */
const READ = new WeakMap<BodyRead, KubernetesObject>();

/** The pod that an exec, attach, port-forward or log request is about, into policy's question. */
export async function target(exchange: BodyRead, deps: Deps): Promise<void> {
  const { attributes, input } = exchange;
  if (attributes.resource !== "pods") return;
  const json = await readPod(exchange, deps);
  const metadata = (json.metadata ?? {}) as { uid?: string; labels?: Record<string, string> };
  const spec = (json.spec ?? {}) as KubernetesObject;
  input.target = {
    uid: metadata.uid ?? "",
    labels: metadata.labels ?? {},
    serviceAccountName: typeof spec.serviceAccountName === "string" ? spec.serviceAccountName : "",
  };
}

/** The same pod whole, as it was last read for this exchange; read now where it was not. */
export async function targetPod(exchange: BodyRead, deps: Deps): Promise<KubernetesObject> {
  return READ.get(exchange) ?? (await readPod(exchange, deps));
}

async function readPod(exchange: BodyRead, deps: Deps): Promise<KubernetesObject> {
  const { attributes } = exchange;
  const path = `/api/v1/namespaces/${encodeURIComponent(attributes.namespace)}/pods/${encodeURIComponent(attributes.name)}`;
  const { status, json } = await ask(exchange, { purpose: "target", method: "GET", target: path, as: "caller" }, deps);
  // Nothing can be done with a pod that is not there, and the API server says so best.
  if (status === 404) throw new UpstreamSaysNo(status, json);
  if (status !== 200) {
    throw new Refusal("outcome-unknown", `the pod ${attributes.name} could not be read (${status})`, {
      decisionId: exchange.verdict.decisionId,
      causes: [{ rule: "request/outcome-unknown", message: `get pod answered ${status}` }],
      next: "What policy judges by its pod needs the right to get that pod.",
    });
  }
  READ.set(exchange, json);
  return json;
}
