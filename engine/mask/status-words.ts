import { isObject, type JsonObject } from "./shape.ts";

/**
 * Refusals that name no more than the object, the caller and the fields' names. Any other may quote the object:
 * a patch that leaves no Secret behind (`replace /metadata` by a string) is answered with the whole Secret, a
 * label that is no label with its value, and an admission policy says what its author makes it say [measured on
 * kube-apiserver 1.36.3].
 */
const PLAIN_CODES = new Set([404, 405, 406, 409, 410, 415, 429]);
/** RBAC's own sentence: registry of k8s.io/apiserver, responsewriters.Forbidden. */
const RBAC =
  /^[\w./-]+(?: "[^"]*")? is forbidden: User "[^"]*" cannot [a-z]+ resource "[^"]*" in API group "[^"]*"(?: in the namespace "[^"]*"| at the cluster scope)$/;
const WITHHELD = "withheld: it may quote a masked value";

/** A metav1.Status that says no, told by what it holds. */
function isFailure(object: JsonObject): boolean {
  return object.kind === "Status" && object.apiVersion === "v1" && object.status !== "Success";
}

/**
 * Takes out of an API server's refusal what may quote a masked value, in place: the message, and what the causes
 * say; their fields, the reason and the code stay. Returns the paths that were taken out.
 */
export function withholdWords(object: JsonObject): string[] {
  if (!isFailure(object)) return [];
  const { code, reason, message, details } = object;
  if (PLAIN_CODES.has(Number(code)) || (typeof message === "string" && RBAC.test(message))) return [];
  object.message = `the API server refused this with ${String(code)} ${typeof reason === "string" ? reason : ""}; its message is ${WITHHELD}`;
  const found = ["message"];
  if (!isObject(details) || details.causes === undefined) return found;
  const causes = Array.isArray(details.causes) ? details.causes.filter(isObject) : [];
  details.causes = causes.map((cause) => ({ ...cause, message: WITHHELD }));
  return [...found, "details.causes"];
}
