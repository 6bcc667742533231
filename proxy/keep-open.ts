import { canonicalJson } from "../base/canonical-json.ts";
import { rfc3339 } from "../base/clock.ts";
import type { Decision } from "../engine/decision.ts";
import { queryBoolean } from "../kubernetes/query.ts";
import type { Deps } from "./deps.ts";
import type { Forwarded } from "./exchange.ts";
import { bearerToken } from "./listener/door.ts";
import { askedAgain } from "./standing.ts";

/** Whether an answer is a watch, or a log that is followed, which `follow=1` does as well. */
export function isFollowed({ watch, subResource, query }: Forwarded["attributes"]): boolean {
  return watch || (subResource === "log" && queryBoolean(query.follow));
}

/**
 * Registers an answer that outlives its decision, a watch, a followed log or a tunnel, to be decided again when
 * policy is swapped, and to end with its session, its credential or its approval. Returns the function that forgets it.
 */
export function keepOpen(
  exchange: Forwarded,
  deps: Deps,
  end: (why: string) => void = () => exchange.res.destroy(),
): () => void {
  const { attributes, input, session, identity, use } = exchange;
  // What a proxied server answers may never end.
  if (!isFollowed(attributes) && attributes.operation !== "CONNECT") return () => {};
  const opened = standing(exchange.decision);
  const stream = {
    sessionId: session.id,
    expiresAt: identity.expiresAt,
    approval: use?.approval,
    stillAllowed: async () =>
      standing(await deps.policy.current.decide(askedAgain(input, rfc3339(deps.clock.now()), deps))) === opened,
    end: (why: string) => {
      exchange.cut ??= why;
      end(why);
    },
  };
  const forget = deps.openStreams.add(stream);
  // What ended or was swapped while the upstream was asked did not know of this stream yet.
  Promise.resolve()
    .then(() => deps.authenticator.authenticate(bearerToken(exchange.req), "data"))
    .catch(() => stream.end("the session was ended"));
  if (deps.policy.current !== exchange.policy || input.exceptions.length > 0) void deps.openStreams.decideOne(stream);
  return forget;
}

/** What of a decision a stream stands on. An approval lifts what was held when it was given, for who was asked then. */
function standing({ effect, mask, record, findings, approval }: Decision): string {
  const held = findings.filter((finding) => finding.effect === "hold").map(({ rule }) => rule);
  const requirements = effect === "hold" ? (approval?.requirements ?? []) : [];
  return canonicalJson({ effect, mask, record, held: [...new Set(held)].sort(), requirements });
}
