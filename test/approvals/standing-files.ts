import { stringify } from "yaml";

/** Within the ninety days that guardrails allow, by the clock of the tests' rigs. */
const NOT_AFTER = "2026-12-24T00:00:00Z";

/** The same by the system's clock. */
export function inThirtyDays(): string {
  return new Date(Date.now() + 30 * 86_400_000).toISOString();
}

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
      requestedBy: { issuer: "corp", username: "corp:alice@example.com", session: "" },
      reason: "the log collector reads the node's logs",
      notAfter: NOT_AFTER,
      ...rest,
    },
  });
}
