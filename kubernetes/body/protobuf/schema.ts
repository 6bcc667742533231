import { readFileSync } from "node:fs";

export type Scalar = "string" | "bytes" | "bool" | "int32" | "int64" | "double";

/** A field of a message: how it is on the wire, and what it is in JSON. */
export interface Field {
  readonly id: number;
  /** Its place in `Message.fields`. */
  readonly index: number;
  /** The message that it is, or that its items or values are; undefined for a scalar. */
  readonly message: Message | undefined;
  readonly scalar: Scalar;
  readonly shape: "one" | "list" | "map";
  /** Its name in JSON; empty where its own fields stand in the JSON of the message around it. */
  readonly json: string;
  /** Whether Go leaves it out of JSON where it is empty: never, omitempty, omitzero. */
  readonly empty: "keep" | "empty" | "zero";
  /** Absent is null, and not the zero value. */
  readonly pointer: boolean;
}

/** JSON forms of their own, which their Go types have by MarshalJSON. `items` is a list in a message (metav1.Verbs). */
export type Form =
  | "quantity"
  | "intOrString"
  | "time"
  | "microTime"
  | "fieldsV1"
  | "rawExtension"
  | "json"
  | "schemaOrArray"
  | "schemaOrBool"
  | "schemaOrStringArray"
  | "items";

export interface Message {
  readonly name: string;
  readonly form: Form | undefined;
  readonly fields: readonly Field[];
  readonly byId: ReadonlyMap<number, Field>;
  /** The highest field number; what is missing below it was taken out. */
  readonly lastId: number;
}

interface StoredField {
  id: number;
  type: string;
  list?: true;
  map?: string;
  json?: string;
  inline?: true;
  empty: Field["empty"];
  pointer?: true;
}

interface Stored {
  kinds: Record<string, Record<string, string>>;
  messages: Record<string, { form?: Form; fields: StoredField[] }>;
}

const SCALARS = new Set<string>(["string", "bytes", "bool", "int32", "int64", "double"]);
const FORMS = new Set<string>([
  "quantity",
  "intOrString",
  "time",
  "microTime",
  "fieldsV1",
  "rawExtension",
  "json",
  "schemaOrArray",
  "schemaOrBool",
  "schemaOrStringArray",
  "items",
]);

const GROUP_VERSION = /^[^/]+(?:\/[^/]+)?$/;

export class Schema {
  readonly #stored: Stored;
  readonly #messages = new Map<string, Message>();

  constructor(stored: Stored) {
    this.#stored = stored;
  }

  /** The message of a built-in kind. DeleteOptions stand in any group, also one that is not built in (handlers/delete.go). */
  ofKind(apiVersion: string, kind: string): Message | undefined {
    const { kinds } = this.#stored;
    const group = kind === "DeleteOptions" && GROUP_VERSION.test(apiVersion) ? "v1" : apiVersion;
    const name =
      Object.hasOwn(kinds, group) && Object.hasOwn(kinds[group] ?? {}, kind) ? kinds[group]?.[kind] : undefined;
    return name === undefined ? undefined : this.message(name);
  }

  hasGroup(apiVersion: string): boolean {
    return Object.hasOwn(this.#stored.kinds, apiVersion);
  }

  /** All of them, as `apps/v1 Deployment`. */
  kinds(): string[] {
    return Object.entries(this.#stored.kinds).flatMap(([apiVersion, kinds]) =>
      Object.keys(kinds).map((kind) => `${apiVersion} ${kind}`),
    );
  }

  message(name: string): Message {
    const known = this.#messages.get(name);
    if (known !== undefined) return known;
    const stored = this.#stored.messages[name];
    if (stored === undefined) throw new Error(`schema.json has no message ${name}`);
    if (stored.form !== undefined && !FORMS.has(stored.form)) throw new Error(`${name} has the form ${stored.form}`);
    const fields: Field[] = [];
    const byId = new Map<number, Field>();
    const lastId = Math.max(0, ...stored.fields.map(({ id }) => id));
    const message: Message = { name, form: stored.form, fields, byId, lastId };
    // Before its fields, since schemas of CRDs hold themselves.
    this.#messages.set(name, message);
    for (const [index, field] of stored.fields.entries()) {
      fields.push(this.#field(name, index, field));
      byId.set(field.id, fields[index] as Field);
    }
    return message;
  }

  #field(message: string, index: number, stored: StoredField): Field {
    const { id, type, empty } = stored;
    const isScalar = SCALARS.has(type);
    if (stored.map !== undefined && stored.map !== "string")
      throw new Error(`${message}.${id}: a map by ${stored.map}`);
    return {
      id,
      index,
      message: isScalar ? undefined : this.message(type),
      scalar: isScalar ? (type as Scalar) : "bytes",
      shape: stored.map !== undefined ? "map" : stored.list === true ? "list" : "one",
      json: stored.inline === true ? "" : (stored.json ?? ""),
      empty,
      pointer: stored.pointer === true,
    };
  }
}

let loaded: Schema | undefined;

/**
 * What is known of Kubernetes' protobuf: read at first use, from what set-up made (tools/setup/schema.mjs) or a package
 * brought along.
 */
export function schema(): Schema {
  loaded ??= new Schema(JSON.parse(readFileSync(new URL("schema.json", import.meta.url), "utf8")) as Stored);
  return loaded;
}
