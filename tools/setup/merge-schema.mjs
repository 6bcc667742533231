import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** @typedef {{id: number, json?: string, inline?: boolean, empty: "keep" | "empty" | "zero", pointer?: boolean, message?: string}} Shape a field, as the Go type has it */
/** @typedef {{kinds: Record<string, Record<string, string>>, messages: Record<string, {form?: string, fields: Shape[]}>}} Shapes what `oracle-fields` prints */

/**
 * Reads every generated.proto of the modules.
 *
 * @param {Map<string, string>} folders each module's folder, by its path
 */
export async function loadProtos(folders) {
  const { default: protobuf } = await import("protobufjs");
  const root = new protobuf.Root();
  // Imports name a file by its Go package; nothing is read from elsewhere.
  root.resolvePath = (_origin, target) => {
    for (const [module, folder] of folders) {
      if (target.startsWith(`${module}/`)) return join(folder, target.slice(module.length + 1));
    }
    throw new Error(`${target} is in none of the modules`);
  };
  const names = [];
  for (const [module, folder] of folders) {
    const entries = await readdir(folder, { recursive: true });
    names.push(...entries.filter((name) => /(^|[\\/])generated\.proto$/.test(name)).map((name) => `${module}/${name}`));
  }
  await root.load(names.sort());
  root.resolveAll();
  return root;
}

/**
 * Joins the two views of each message. Where they differ, one of them was read wrongly, and nothing is made.
 *
 * @param {import("protobufjs").Root} root
 * @param {Shapes} shapes
 */
export function merge(root, shapes) {
  /** @type {Record<string, unknown>} */
  const messages = {};
  for (const [name, { form, fields }] of Object.entries(shapes.messages)) {
    const type = root.lookupType(name);
    const isOpaque = fields.length === 0 && form !== undefined;
    if (!isOpaque && idsOf(type.fieldsArray) !== idsOf(fields)) {
      throw new Error(`${name} has other fields in Go than in its .proto file`);
    }
    messages[name] = { form, fields: isOpaque ? [] : fields.map((shape) => describe(name, type, shape)) };
  }
  refuseUnread(shapes);
  return { kinds: shapes.kinds, messages };
}

/**
 * What no built-in kind has yet, and the decoder would read wrongly.
 *
 * @param {Shapes} shapes
 */
function refuseUnread({ messages }) {
  /** @param {string} name @returns {string[]} its names in JSON, with those of what is inlined */
  const namesOf = (name) =>
    (messages[name]?.fields ?? []).flatMap((field) =>
      field.inline === true ? namesOf(field.message ?? "") : [field.json ?? ""],
    );
  for (const [name, { form, fields }] of Object.entries(messages)) {
    if (form !== undefined) continue;
    const names = namesOf(name);
    if (new Set(names).size < names.length) throw new Error(`${name} has two fields of one name in JSON`);
    for (const { inline, pointer, empty, message = "" } of fields) {
      if (inline === true && pointer === true) throw new Error(`${name} inlines a pointer`);
      const isTime = /^(time|microTime)$/.test(messages[message]?.form ?? "");
      if (empty === "zero" && !isTime) throw new Error(`${name} leaves out a zero value that is no time`);
    }
  }
}

/** @param {{id: number}[]} fields */
function idsOf(fields) {
  const ids = fields.map((field) => field.id);
  return ids.sort((a, b) => a - b).join();
}

/** @param {string} message @param {import("protobufjs").Type} type @param {Shape} shape */
function describe(message, type, shape) {
  const field = type.fieldsById[shape.id];
  if (field === undefined) throw new Error(`${message} has no field ${shape.id}`);
  const resolved = field.resolvedType?.fullName.slice(1);
  if (resolved !== shape.message)
    throw new Error(`${message}.${field.name} is ${resolved}, and ${shape.message} in Go`);
  return {
    id: shape.id,
    type: resolved ?? field.type,
    list: field.repeated ? true : undefined,
    map: "keyType" in field ? field.keyType : undefined,
    json: shape.json,
    inline: shape.inline,
    empty: shape.empty,
    pointer: shape.pointer,
  };
}
