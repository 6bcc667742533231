import { UserError } from "../../base/errors.ts";
import type { CommandRequest } from "../../dialogue/shell/types.ts";
import { type ApiResource, resourceOf } from "../../kubernetes/resources.ts";
import type { ExpectedRequest } from "./link.ts";

/** A built-in resource by any name that kubectl takes. */
export function builtIn(name: string): ApiResource | undefined {
  try {
    const found = resourceOf(name);
    return found.kind === "" ? undefined : found;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const CONNECTS = new Set(["exec", "attach", "portforward"]);

/** `logs deploy/api` asks for the deployment before it picks a pod. */
function lookedThrough({ through = "" }: CommandRequest, { namespace }: ExpectedRequest): ExpectedRequest[] {
  const [type = "", name = ""] = through.split("/", 2);
  const known = name === "" ? undefined : builtIn(type);
  if (known === undefined) return [];
  const { group, resource } = known;
  return [{ verb: "get", group, resource, name, subResource: "", ...(namespace === undefined ? {} : { namespace }) }];
}

/**
 * All requests that a kubectl or helm command makes on its way to do one thing: `apply` gets the object, then patches or
 * creates it; `delete` watches until it has gone; `describe` lists its events.
 */
export function expectedRequests(one: CommandRequest, words: readonly string[]): ExpectedRequest[] {
  if (one.path !== undefined) return [];
  const open = new Set(one.unknown);
  const about: ExpectedRequest = {
    ...(one.group === undefined || open.has("group") ? {} : { group: one.group }),
    ...(one.resource === "" || open.has("resource") ? {} : { resource: one.resource }),
    ...(open.has("namespace") ? {} : { namespace: one.namespace }),
  };
  const named = open.has("name") || one.name === "" ? about : { ...about, name: one.name };
  const verb = CONNECTS.has(one.subresource) ? {} : { verb: one.verb };
  // A create names its object in the body.
  const itself = { ...(one.verb === "create" && one.subresource === "" ? about : named), ...verb };
  // A list or watch of one object by its field selector has its name too, as the API server reads it.
  const looks = ["get", "list", "watch"].map((look) => ({ ...named, verb: look, subResource: "" }));
  const { namespace } = about;
  const events = { verb: "list", group: "", resource: "events", ...(namespace === undefined ? {} : { namespace }) };
  return [
    { ...itself, subResource: one.subresource },
    ...(words.includes("apply") ? [{ ...named, verb: "patch", subResource: "" }] : []),
    // Of scale and its like, what is there now.
    ...(one.subresource === "" || one.verb === "get" || CONNECTS.has(one.subresource)
      ? []
      : [{ ...named, verb: "get", subResource: one.subresource }]),
    ...(words.includes("describe") ? [events] : []),
    ...looks,
    ...lookedThrough(one, about),
  ];
}
