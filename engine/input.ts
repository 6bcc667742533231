/**
 * What policy is asked (contracts §1.1). Field names are those of admission.k8s.io/v1 AdmissionRequest and
 * authentication.k8s.io/v1 UserInfo where they have the field. The schema beside it is
 * `engine/schemas/input.json`; a test holds the two together.
 */
export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT" | "";

/** A Kubernetes object as JSON. */
export type KubernetesObject = { [key: string]: unknown };

export interface UserInfo {
  /** Name of the issuer in the configuration. */
  issuer: string;
  username: string;
  uid: string;
  groups: string[];
  roles: string[];
  extra: Record<string, string[]>;
}

export interface SessionInfo {
  id: string;
  /** RFC 3339. */
  startedAt: string;
  agent: string;
  reason: string;
  /** The person that an agent acts for. */
  owner: { issuer: string; username: string };
}

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

export interface GroupVersionResource {
  group: string;
  version: string;
  resource: string;
}

export interface RequestInput {
  uid: string;
  /** As the API server's RequestInfo has it: get list watch create update patch delete deletecollection, or the method in lower case for non-resource requests. */
  verb: string;
  operation: Operation;
  path: string;
  query: Record<string, string[]>;
  nonResource: boolean;
  kind: GroupVersionKind;
  resource: GroupVersionResource;
  subResource: string;
  namespace: string;
  name: string;
  fieldSelector: string;
  labelSelector: string;
  dryRun: boolean;
  /** DeleteOptions of the body, else the options of the query. */
  options: Record<string, unknown>;
  patchType: string;
  contentType: string;
  userAgent: string;
  sourceIP: string;
  /** HMAC of the request (contracts §4), empty until it is known. */
  digest: string;
}

export interface PolicyInput {
  now: string;
  session: SessionInfo;
  user: UserInfo;
  connection: { name: string; kind: string; labels: Record<string, string> };
  request: RequestInput;
  object?: KubernetesObject | null;
  oldObject?: KubernetesObject | null;
  podSpecs?: { path: string; spec: KubernetesObject }[];
  roleRules?: KubernetesObject[];
  namespaceLabels?: Record<string, string>;
  exec?: { command: string[]; container: string; stdin: boolean; tty: boolean };
  target?: { uid: string; labels: Record<string, string>; serviceAccountName: string };
  exceptions: { name: string; rules: string[]; unmask: boolean }[];
  dialogue?: { promptId: string; toolUseId: string; model: string };
}
