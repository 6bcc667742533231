import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead } from "../exchange.ts";
import { ask } from "./ask.ts";

/**
 * What is stored now, read as the caller; null where there is nothing. For deletecollection it is the list that
 * the same selectors give. For a subresource it is the whole object, since policy judges that.
 */
export async function oldObject(exchange: BodyRead, deps: Deps): Promise<KubernetesObject | null> {
  const target = storedTarget(exchange);
  const { status, json } = await ask(exchange, { purpose: "oldObject", method: "GET", target, as: "caller" }, deps);
  if (status === 200) return json;
  if (status === 404) return null;
  throw new Refusal(
    "outcome-unknown",
    `policy needs to see what is stored now, and the API server answered ${status} to you for it`,
    {
      decisionId: exchange.verdict.decisionId,
      causes: [{ rule: "request/outcome-unknown", message: `get answered ${status}` }],
      next: "A write that policy judges by the stored object needs the right to get it.",
    },
  );
}

/** The path of the object itself: without subresource and options, with the selectors of a collection. */
function storedTarget(exchange: BodyRead): string {
  const { apiPrefix, group, version, resource, namespace, verb, fieldSelector, labelSelector } = exchange.attributes;
  const { name } = exchange.input.request;
  const segments = [apiPrefix, ...(apiPrefix === "apis" ? [group] : []), version];
  if (namespace !== "" && resource !== "namespaces") segments.push("namespaces", namespace);
  segments.push(resource);
  if (verb !== "deletecollection") segments.push(name);
  const path = `/${segments.map(encodeURIComponent).join("/")}`;
  if (verb !== "deletecollection") return path;
  const query = new URLSearchParams();
  if (fieldSelector !== "") query.set("fieldSelector", fieldSelector);
  if (labelSelector !== "") query.set("labelSelector", labelSelector);
  return query.size === 0 ? path : `${path}?${query}`;
}
