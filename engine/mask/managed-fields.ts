import type { Step } from "./field-path.ts";
import { isObject, type JsonObject } from "./shape.ts";
import { DEPTH_LIMIT, tooDeep } from "./walk.ts";

/** A key that holds a value: `v:"x"` an entry of a set, `k:{"name":"x"}` what tells an entry of a list apart. */
const VALUE_KEY = /^[vk]:/;

export interface ManagedKey {
  holder: JsonObject;
  key: string;
}

/**
 * Keys of managedFields that hold values of a field: `fieldsV1` says who manages what by the paths of fields, and
 * writes entries of sets and the keys of lists into them (structured-merge-diff, fieldpath/serialize-pe.go).
 */
export function managedKeys(managedFields: unknown, steps: readonly Step[]): ManagedKey[] {
  const found: ManagedKey[] = [];
  for (const entry of Array.isArray(managedFields) ? managedFields : []) {
    if (isObject(entry)) collect(entry.fieldsV1, steps, 0, found);
  }
  return found;
}

function collect(node: unknown, steps: readonly Step[], depth: number, found: ManagedKey[]): void {
  if (depth > DEPTH_LIMIT) throw tooDeep();
  if (!isObject(node)) return;
  const step = steps[depth];
  for (const [key, child] of Object.entries(node)) {
    if (step === undefined) {
      if (VALUE_KEY.test(key)) found.push({ holder: node, key });
      collect(child, steps, depth + 1, found);
    } else if ("key" in step) {
      if (key === `f:${step.key}`) collect(child, steps, depth + 1, found);
    } else if ("any" in step && step.any === "key") {
      if (key.startsWith("f:")) collect(child, steps, depth + 1, found);
    } else if (!key.startsWith("f:")) {
      if (VALUE_KEY.test(key) && mayTell(key, steps[depth + 1])) found.push({ holder: node, key });
      collect(child, steps, depth + 1, found);
    }
  }
}

/** Whether the key of an entry says what is masked in it: all of it, or the field that tells entries apart. */
function mayTell(key: string, next: Step | undefined): boolean {
  return next === undefined || !("key" in next) || key.includes(JSON.stringify(next.key));
}
