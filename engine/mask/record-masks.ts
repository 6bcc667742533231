import type { Mask } from "../decision.ts";
import { PLACEHOLDER } from "./placeholder.ts";

/** `group/resource` or `group/resource/subresource`, and the fields of it that are credentials whatever policy says. */
const CREDENTIALS: Readonly<Record<string, readonly string[]>> = {
  "/secrets": ["data.*", "stringData.*"],
  "/serviceaccounts/token": ["status.token"],
  "authentication.k8s.io/tokenreviews": ["spec.token"],
};

/**
 * The masks of the record that no policy lifts: policy may let a caller read a Secret, and what was read need not be kept
 * for auditors to read. `holdsSecret`: the body says that it is a Secret, or a list with one, whatever resource it was
 * sent to.
 */
export function recordMasks(
  { group, resource, subResource }: { group: string; resource: string; subResource: string },
  holdsSecret: boolean,
): Mask[] {
  const asked = CREDENTIALS[`${group}/${resource}${subResource === "" ? "" : `/${subResource}`}`];
  const fields = asked ?? (holdsSecret ? CREDENTIALS["/secrets"] : undefined);
  return fields === undefined ? [] : [{ selector: {}, fields: [...fields], placeholder: PLACEHOLDER }];
}
