/** A Kubernetes object as JSON. */
export type KubernetesObject = { [key: string]: unknown };

/**
 * What the request line says, as the API server's own RequestInfoFactory derives it
 * (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go), and what that does not see.
 */
export interface RequestAttributes {
  /** Path below /connections/{name}, decoded once; no dot or empty segments (those were refused). */
  path: string;
  /** Path and query exactly as they go upstream. */
  target: string;
  method: string;
  query: Record<string, string[]>;
  nonResource: boolean;
  /** get list watch create update patch delete deletecollection, or the lower-case method for non-resource requests. */
  verb: string;
  operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT" | "";
  /** `api` or `apis`, empty for non-resource requests. */
  apiPrefix: string;
  group: string;
  version: string;
  resource: string;
  subResource: string;
  namespace: string;
  name: string;
  fieldSelector: string;
  labelSelector: string;
  /** From the query alone; where there is a body its own dryRun counts (design §2) and `readBody` corrects it. */
  dryRun: boolean;
  watch: boolean;
  /** Accepts of the client, as sent. */
  accept: string;
  contentType: string;
  /** Media type of a patch: json, merge, strategic, apply; empty for others. */
  patchType: "" | "json" | "merge" | "strategic" | "apply";
  exec?: { command: string[]; container: string; stdin: boolean; tty: boolean };
}
