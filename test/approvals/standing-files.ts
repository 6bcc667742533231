import { stringify } from "yaml";

/** A standing exception's file; `spec.match` is put over the example's key by key. */
export function standingFile(name: string, spec: Record<string, unknown> = {}): string {
  const { match, ...rest } = spec;
  return stringify({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name },
    spec: {
      rules: ["workload/host-path"],
      subjects: [{ group: "corp:devs" }],
      match: {
        connection: "prod",
        resources: ["apps/deployments"],
        namespaces: ["shop"],
        ...(match as Record<string, unknown> | undefined),
      },
      policy: { revision: "" },
      requestedBy: { issuer: "corp", username: "corp:alice", session: "" },
      reason: "the log collector reads the node's logs",
      notAfter: "2099-12-24T00:00:00Z",
      ...rest,
    },
  });
}
