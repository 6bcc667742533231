import type { CommandRequest } from "../types.ts";
import { type Asked, namesFiles, request, resourceNamed, targets } from "./asked.ts";
import { deleteOptions } from "./change.ts";
import { isSet, lastOf } from "./command-line.ts";
import { create } from "./create.ts";

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `kubectl run` makes a pod, and with its other options a service, a session in it, and its end. */
export function ran(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const [name = "", ...args] = line.args;
  const words = [...args, ...line.behind];
  const own = isSet(line, "command") ? { command: words } : { args: words };
  const port = lastOf(line, "port");
  const env = (line.options.get("env") ?? []).map((one) => ({
    name: one.slice(0, one.indexOf("=")),
    value: one.slice(one.indexOf("=") + 1),
  }));
  const container = {
    name,
    image: lastOf(line, "image") ?? "",
    ...(words.length === 0 ? {} : own),
    ...(env.length === 0 ? {} : { env }),
    ...(port === undefined || port === "" ? {} : { ports: [{ containerPort: Number(port) }] }),
    ...(isSet(line, "privileged") ? { securityContext: { privileged: true } } : {}),
    ...(isSet(line, "stdin") ? { stdin: true } : {}),
    ...(isSet(line, "tty") ? { tty: true } : {}),
  };
  const spec = { containers: [container], restartPolicy: lastOf(line, "restart") ?? "Always" };
  const fields: Fields = { metadata: { labels: labelsOf(lastOf(line, "labels"), name) }, spec };
  const { value, known } = overridden(fields, lastOf(line, "overrides"));
  const pods = { ...resourceNamed("pods", asked.context), name };
  const attaches = isSet(line, "attach") || isSet(line, "stdin");
  const exec = { command: [], container: "", stdin: isSet(line, "stdin"), tty: isSet(line, "tty") };
  return [
    create(asked, "pods", name, value, !known),
    ...(isSet(line, "expose") ? [create(asked, "services", name, { spec: { ports: [{ port: Number(port) }] } })] : []),
    ...(attaches ? [request(asked, "get", pods, { subresource: "attach", exec })] : []),
    ...(isSet(line, "rm") ? [request(asked, "delete", pods, { body: deleteOptions(asked) })] : []),
  ];
}

function labelsOf(text: string | undefined, name: string): Fields {
  if (text === undefined || text === "") return { run: name };
  return Object.fromEntries(
    text.split(",").map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]),
  );
}

/** What is written in `--overrides` wins (a merge patch, unless --override-type says otherwise). */
function overridden(fields: Fields, text: string | undefined): { value: Fields; known: boolean } {
  if (text === undefined || text === "") return { value: fields, known: true };
  try {
    const patch: unknown = JSON.parse(text);
    return isFields(patch) ? { value: merged(fields, patch, 0), known: true } : { value: fields, known: false };
  } catch {
    return { value: fields, known: false };
  }
}

function merged(base: Fields, patch: Fields, depth: number): Fields {
  const result: Fields = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key === "__proto__") continue;
    const below = Object.hasOwn(result, key) ? result[key] : undefined;
    if (value === null) delete result[key];
    else if (isFields(value) && depth < 50) result[key] = merged(isFields(below) ? below : {}, value, depth + 1);
    else result[key] = value;
  }
  return result;
}

/** What the service selects comes from the object that it is for, which is not known. */
export function exposed(asked: Asked): CommandRequest[] {
  const { line } = asked;
  const names = namesFiles(asked) ? [""] : targets(line.args, asked.context).map(({ name }) => name);
  const externalIP = lastOf(line, "external-ip");
  const port = Number(lastOf(line, "port") ?? 0);
  const spec = {
    type: lastOf(line, "type") ?? "ClusterIP",
    ports: port > 0 ? [{ port, protocol: lastOf(line, "protocol") ?? "TCP" }] : [],
    ...(externalIP === undefined ? {} : { externalIPs: [externalIP] }),
  };
  return names.map((name) => create(asked, "services", lastOf(line, "name") ?? name, { spec }, true));
}
