import { canonicalJson } from "../base/canonical-json.ts";
import { rfc3339 } from "../base/clock.ts";
import type { Decision } from "../engine/decision.ts";
import { queryBoolean } from "../kubernetes/query.ts";
import type { Deps } from "./deps.ts";
import type { Forwarded } from "./exchange.ts";

/**
 * Registers an answer that outlives its decision, a watch or a followed log, to be decided again when policy is
 * swapped. Returns the function that forgets it.
 */
export function keepOpen(exchange: Forwarded, deps: Deps): () => void {
  const { attributes, input, session, identity, res } = exchange;
  // `follow=1` follows as well; what a proxied server answers may never end.
  const followed = attributes.subResource === "log" && queryBoolean(attributes.query.follow);
  if (!attributes.watch && !followed && attributes.operation !== "CONNECT") return () => {};
  const opened = standing(exchange.decision);
  return deps.openStreams.add({
    sessionId: session.id,
    expiresAt: identity.expiresAt,
    stillAllowed: async () =>
      standing(await deps.policy.current.decide({ ...input, now: rfc3339(deps.clock.now()) })) === opened,
    end: (why) => {
      exchange.cut ??= why;
      res.destroy();
    },
  });
}

/** What of a decision a stream stands on. */
function standing({ effect, mask, record }: Decision): string {
  return canonicalJson({ effect, mask, record });
}
