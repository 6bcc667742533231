import { Refusal } from "../base/errors.ts";
import { pointerTokens } from "./json-pointer.ts";
import type { JsonPatchOperation } from "./patch.ts";

/** One step of a masked field: a key, or any key or index. */
export type MaskedStep = string | { any: true };

/** Whether a pointer reaches into a masked field, or holds one (a copy of /data copies every value in it). */
function touches(tokens: string[], field: readonly MaskedStep[]): boolean {
  const shared = Math.min(tokens.length, field.length);
  for (let i = 0; i < shared; i++) {
    const step = field[i] as MaskedStep;
    if (typeof step === "string" && step !== tokens[i]) return false;
  }
  return true;
}

/** The last-applied annotation holds what the fields hold. */
const LAST_APPLIED = ["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"];

/**
 * Whether reading a value under this name tells more than its mask lets through; `guess` is what a `test` compares
 * it with.
 */
export type TellsMore = (name: string, guess: { value: unknown } | undefined) => boolean;

/**
 * The paths at which a JSON patch reads a masked value: `test` tells whether a guess is right, also under
 * dryRun, and `copy` and `move` put the value where no mask looks for it [measured on kube-apiserver 1.36.3].
 * `fields` are the masked fields in steps from the object's root.
 */
export function jsonPatchTouches(
  operations: JsonPatchOperation[],
  fields: readonly (readonly MaskedStep[])[],
  tells: TellsMore = () => false,
): string[] {
  const found: string[] = [];
  const guarded = fields.length === 0 ? [] : [...fields, LAST_APPLIED];
  for (const { op, path, from, value } of operations) {
    const reads = op === "test" ? path : op === "copy" || op === "move" ? (from ?? "") : undefined;
    if (reads === undefined) continue;
    const tokens = pointerTokens(reads);
    const told = tells(tokens.at(-1) ?? "", op === "test" ? { value } : undefined);
    if (told || guarded.some((field) => touches(tokens, field))) found.push(reads);
  }
  return found;
}

/** Throws Refusal `forbidden` where jsonPatchTouches finds anything. */
export function refuseMaskedReads(
  operations: JsonPatchOperation[],
  fields: readonly (readonly MaskedStep[])[],
  tells?: TellsMore,
): void {
  const paths = jsonPatchTouches(operations, fields, tells);
  if (paths.length === 0) return;
  throw new Refusal("forbidden", "the JSON patch tests, copies or moves a value that is masked for you", {
    next: "Use add, replace or remove, or a merge patch.",
    causes: paths.slice(0, 20).map((path) => ({ rule: "request/masked-path", message: "masked value", field: path })),
  });
}
