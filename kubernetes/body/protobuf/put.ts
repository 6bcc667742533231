import type { KubernetesObject } from "../../types.ts";
import type { Field, Message, Scalar } from "./schema.ts";

/** What Go prints of an absent scalar that it does not leave out. */
export const ZERO: Record<Scalar, unknown> = { string: "", bytes: null, bool: false, int32: 0, int64: 0, double: 0 };

/**
 * Puts a field into the JSON of its message as encoding/json does: inlined, left out, or as the zero value where it is
 * absent (`undefined`). `absent` gives the JSON of a message that is not there.
 */
export function put(out: KubernetesObject, field: Field, value: unknown, absent: (message: Message) => unknown): void {
  const { json, message, pointer, shape, empty } = field;
  if (value !== undefined) {
    if (json === "") Object.assign(out, value);
    else if (pointer || empty === "keep" || !isEmpty(field, value)) out[json] = value;
  } else if (pointer || shape !== "one" || message?.form === "items") {
    if (empty === "keep" && json !== "") out[json] = null;
  } else if (message === undefined) {
    if (empty === "keep") out[json] = ZERO[field.scalar];
  } else {
    put(out, field, absent(message), absent);
  }
}

/** What omitempty and omitzero leave out of what is there. */
function isEmpty({ message, shape, empty }: Field, value: unknown): boolean {
  if (shape !== "one") return false;
  if (message === undefined) return value === "" || value === 0 || value === false;
  if (message.form === "items") return (value as unknown[]).length === 0;
  // A struct is never empty to omitempty; those with omitzero are times, and null where they are zero.
  return empty === "zero" && value === null;
}
