import { stringify } from "yaml";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";

export const EXCEPTIONS = 10_000;

const NOT_AFTER = new Date(Date.now() + 30 * 86_400_000).toISOString();

/** A team's exception in its own namespace: the example that fits the benchmark's requests is the first. */
export function standingFile(i: number): [name: string, file: string] {
  const name = `team-${i}`;
  const file = stringify({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name },
    spec: {
      rules: ["workload/host-path"],
      subjects: [{ group: "corp:devs" }],
      match: { connection: "prod", resources: ["apps/deployments"], namespaces: [i === 0 ? "shop" : name] },
      policy: { revision: "" },
      requestedBy: { issuer: "corp", username: "corp:alice@example.com", session: "" },
      reason: "the collector reads the logs of its node",
      notAfter: NOT_AFTER,
    },
  });
  return [name, file];
}

export function tenThousand(): StandingException[] {
  return Array.from({ length: EXCEPTIONS }, (_, i) => parseStanding(...standingFile(i))).filter(
    (one) => one !== undefined,
  );
}
