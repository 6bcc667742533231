import type { CommandRequest } from "../types.ts";
import { type Asked, namesFiles, request, resourceNamed, targets } from "./asked.ts";
import { rawRequest } from "./change.ts";
import { isSet, lastOf, rawPath } from "./command-line.ts";
import { create } from "./create.ts";
import { documents } from "./documents.ts";

/** get and describe: one object, or all; what describe looks up beside them is left out. */
export function read(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const raw = rawPath(line);
  if (raw !== undefined) return [rawRequest(asked, "get", raw)];
  if (namesFiles(asked)) return documents(asked, "get").map(({ body: _, ...one }) => one);
  const subresource = lastOf(line, "subresource") ?? "";
  const watches = isSet(line, "watch") || isSet(line, "watch-only");
  return targets(line.args, asked.context).flatMap((target) => [
    ...(isSet(line, "watch-only")
      ? []
      : [request(asked, target.name === "" ? "list" : "get", target, { subresource })]),
    ...(watches ? [request(asked, "watch", target)] : []),
  ]);
}

export function waited(asked: Asked): CommandRequest[] {
  if (namesFiles(asked)) return documents(asked, "watch").map(({ body: _, ...one }) => one);
  return targets(asked.line.args, asked.context).flatMap((target) => [
    request(asked, target.name === "" ? "list" : "get", target),
    request(asked, "watch", target),
  ]);
}

export function topped(asked: Asked, resource: "pods" | "nodes"): CommandRequest[] {
  const metrics = {
    resource: { group: "metrics.k8s.io", version: "v1beta1", resource, kind: "", namespaced: resource === "pods" },
    unknownGroup: false,
    name: asked.line.args[0] ?? "",
  };
  return [request(asked, metrics.name === "" ? "list" : "get", metrics)];
}

export function events(asked: Asked): CommandRequest[] {
  const target = { ...resourceNamed("events", asked.context), name: "" };
  return [request(asked, "list", target), ...(isSet(asked.line, "watch") ? [request(asked, "watch", target)] : [])];
}

export function reviewed(asked: Asked, type: string): CommandRequest[] {
  return [create(asked, type, "", {})].map(({ body: _, ...one }) => ({ ...one, unknown: ["object"] }));
}

/** A PUT of the request's own subresource. */
export function certified(asked: Asked, verdict: "Approved" | "Denied"): CommandRequest[] {
  if (namesFiles(asked))
    return documents(asked, "update").map(({ body: _, ...one }) => ({ ...one, subresource: "approval" }));
  return asked.line.args.map((arg) => {
    const name = arg.slice(arg.indexOf("/") + 1);
    const target = { ...resourceNamed("certificatesigningrequests", asked.context), name };
    const body = { status: { conditions: [{ type: verdict, status: "True" }] } };
    return request(asked, "update", target, { subresource: "approval", body, unknown: ["object"] });
  });
}
