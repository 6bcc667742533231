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
const READS = new Set(["get", "list", "watch"]);

/** Which cluster a command is about, as far as its text says. */
type Where = Pick<ExpectedRequest, "connection" | "elsewhere">;

/** `logs deploy/api` asks for the deployment before it picks a pod. */
function lookedThrough({ through = "" }: CommandRequest, { namespace }: About): ExpectedRequest[] {
  const [type = "", name = ""] = through.split("/", 2);
  const known = name === "" ? undefined : builtIn(type);
  if (known === undefined) return [];
  const { group, resource } = known;
  return [{ verb: "get", group, resource, name, subResource: "", ...(namespace === undefined ? {} : { namespace }) }];
}

type About = Pick<ExpectedRequest, "group" | "resource" | "namespace">;
const LOOKS = ["list", "watch"];

/**
 * All requests that a kubectl or helm command makes on its way to do one thing: `apply` gets the object, then patches or
 * creates it; `delete` watches until it has gone; `describe` lists its events. Those of objects that a selector picks, or that
 * a file names, leave their names open.
 */
export function expectedRequests(one: CommandRequest, words: readonly string[], where: Where = {}): ExpectedRequest[] {
  if (one.path !== undefined) return [];
  const open = new Set(one.unknown);
  const about: About = {
    ...(one.group === undefined || open.has("group") ? {} : { group: one.group }),
    ...(one.resource === "" || open.has("resource") ? {} : { resource: one.resource }),
    ...(open.has("namespace") ? {} : { namespace: one.namespace }),
  };
  const { subresource, verb } = one;
  const connects = CONNECTS.has(subresource);
  const reads = READS.has(verb);
  const name = open.has("name") ? "" : nameOf(one);
  const [picked, looks] = name === "" ? unnamed(one, about) : named(about, name);
  const itself =
    reads && !connects && name === "" && !open.has("name") ? { ...about, name: "", ...selectors(one) } : picked;
  const dry = reads || connects ? {} : { dryRun: one.dryRun };
  const { namespace } = about;
  const events = { verb: "list", group: "", resource: "events", subResource: "", name: "" };
  return [
    { ...itself, ...dry, subResource: subresource, ...(connects ? {} : { verb }), ...ran(one) },
    ...(words.includes("apply") || words.includes("diff")
      ? [{ ...picked, ...dry, verb: "patch", subResource: "" }]
      : []),
    // Of scale and its like, what is there now.
    ...(subresource === "" || verb === "get" || connects ? [] : [{ ...picked, verb: "get", subResource: subresource }]),
    ...(words.includes("describe") ? [{ ...events, ...(namespace === undefined ? {} : { namespace }) }] : []),
    ...looks,
    ...lookedThrough(one, about),
  ].map((each) => ({ ...each, ...where }));
}

/** A create names its object in the body. */
function nameOf({ verb, subresource, name, body }: CommandRequest): string {
  if (verb !== "create" || subresource !== "") return name;
  const said = (body as { metadata?: { name?: unknown } } | undefined)?.metadata?.name;
  return typeof said === "string" ? said : "";
}

/** A list or watch of one object by its field selector has its name too, as the API server reads it. */
function named(about: About, name: string): [About & { name: string }, ExpectedRequest[]] {
  const picked = { ...about, name };
  return [picked, ["get", ...LOOKS].map((verb) => ({ ...picked, verb, subResource: "" }))];
}

/** Objects are listed by what picks them, and then asked for one by one, wherever they are. */
function unnamed(one: CommandRequest, { namespace, ...rest }: About): [About, ExpectedRequest[]] {
  const each = { ...rest, ...(namespace === undefined || namespace === "" ? {} : { namespace }) };
  const place = namespace === undefined ? {} : { namespace };
  // What a deployment's pods are picked by stands in it.
  const all =
    one.through === undefined && one.verb !== "create" ? [{ ...rest, ...place, name: "", ...selectors(one) }] : [];
  return [
    each,
    [
      ...all.flatMap((list) => LOOKS.map((verb) => ({ ...list, verb, subResource: "" }))),
      ...["get", ...LOOKS].map((verb) => ({ ...each, verb, subResource: "" })),
    ],
  ];
}

const selectors = ({ labelSelector, fieldSelector }: CommandRequest) => ({ labelSelector, fieldSelector });

function ran({ exec, subresource }: CommandRequest): Pick<ExpectedRequest, "exec"> {
  return exec === undefined || subresource !== "exec"
    ? {}
    : { exec: { command: exec.command, container: exec.container } };
}
