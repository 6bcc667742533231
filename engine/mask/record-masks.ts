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
 * for auditors to read. `kind` is what the body says that it is: a Secret that is sent to another resource is one all the
 * same.
 */
export function recordMasks(
  { group, resource, subResource }: { group: string; resource: string; subResource: string },
  kind: unknown,
): Mask[] {
  const asked = CREDENTIALS[`${group}/${resource}${subResource === "" ? "" : `/${subResource}`}`];
  const fields = asked ?? (kind === "Secret" ? CREDENTIALS["/secrets"] : undefined);
  return fields === undefined ? [] : [{ selector: {}, fields: [...fields], placeholder: PLACEHOLDER }];
}
