import type { ModelDeps } from "./deps.ts";
import type { ModelDecided } from "./exchange.ts";
import { requestQuestions } from "./question.ts";
import { exceptionsOf, stillStanding } from "./standing.ts";
import { callerToken } from "./token.ts";

/**
 * Registers a reply before it is asked for: it ends with its session, its credential, or a policy that would not have asked for
 * it, whether it streams, is waited for whole, or has not begun.
 */
export function keepReplyOpen(exchange: ModelDecided, deps: ModelDeps): ModelDecided {
  const { session, identity, promptId, res, endpoint } = exchange;
  if (!endpoint.replies) return exchange;
  const exceptions = exceptionsOf(exchange.decision);
  const stream = {
    sessionId: session.id,
    expiresAt: identity.expiresAt,
    stillAllowed: async () => {
      const { asked } = exchange;
      if (asked === undefined || promptId === undefined) return false;
      const policy = deps.policy.current;
      for (const question of requestQuestions({ ...exchange, asked, promptId }, deps.clock.now())) {
        if ((await policy.decide(stillStanding(question, exceptions, deps))).effect !== "allow") return false;
      }
      return true;
    },
    end: (why: string) => {
      exchange.cut ??= why;
      res.destroy();
    },
  };
  exchange.forget = deps.openStreams.add(stream);
  // What ended while policy was asked did not know of this one yet.
  Promise.resolve()
    .then(() => deps.authenticator.authenticate(callerToken(exchange.req), "data"))
    .catch(() => stream.end("the session was ended"));
  if (deps.policy.current !== exchange.policy || exceptions.size > 0) void deps.openStreams.decideOne(stream);
  return exchange;
}
