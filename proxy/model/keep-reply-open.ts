import type { ModelDeps } from "./deps.ts";
import type { ModelForwarded } from "./exchange.ts";
import { modelQuestion } from "./question.ts";
import { callerToken } from "./token.ts";

/**
 * Registers a reply that streams: it ends with its session, its credential, or a policy that would not have asked for it.
 * Returns the function that forgets it.
 */
export function keepReplyOpen(exchange: ModelForwarded, deps: ModelDeps): () => void {
  const { session, identity, asked, promptId, res } = exchange;
  const stream = {
    sessionId: session.id,
    expiresAt: identity.expiresAt,
    stillAllowed: async () => {
      if (asked === undefined || promptId === undefined) return false;
      const question = modelQuestion({ ...exchange, asked, promptId }, deps.clock.now());
      return (await deps.policy.current.decide(question)).effect === "allow";
    },
    end: (why: string) => {
      exchange.cut ??= why;
      res.destroy();
    },
  };
  const forget = deps.openStreams.add(stream);
  // What ended while the provider was asked did not know of this stream yet.
  Promise.resolve()
    .then(() => deps.authenticator.authenticate(callerToken(exchange.req), "data"))
    .catch(() => stream.end("the session was ended"));
  if (deps.policy.current !== exchange.policy) void deps.openStreams.decideOne(stream);
  return forget;
}
