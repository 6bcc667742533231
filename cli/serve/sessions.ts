import { errorMessage } from "../../base/errors.ts";
import type { PolicyHolder } from "../../engine/policy-holder.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import type { Session } from "../../identity/types.ts";
import type { Deps } from "../../proxy/deps.ts";

const SWEEP_MS = 1_000;
/** How soon a tunnel learns that its approval was taken back. */
const REVOCATIONS_MS = 2_000;

/**
 * Ends what stands on a session, a credential or a policy when that ends: streams, minted cluster credentials, and
 * the session's place on record. Returns the function that stops watching.
 */
export function watchSessions(
  deps: Deps,
  { authenticator, policy, idleSeconds }: { authenticator: Authenticator; policy: PolicyHolder; idleSeconds: number },
): () => void {
  const { approvals, openSessions, openStreams, knownValues, connections, recorder, clock, log } = deps;

  function closed(session: Session, why: string): void {
    openStreams.endSession(session.id, why);
    knownValues.forget(session.id);
    for (const { credential } of connections.values()) {
      credential
        .endSession(session.id)
        .catch((error: unknown) =>
          log.error("a session's cluster credential may live on", { session: session.id, error }),
        );
    }
    recorder.record({
      kind: "session.closed",
      session_id: session.id,
      at_ms: clock.now(),
      issuer: session.owner.issuer,
      username: session.owner.username,
      payload: { reason: why },
    });
  }

  const offEnd = authenticator.onSessionEnd((id) => {
    const session = openSessions.forget(id);
    if (session !== undefined) closed(session, "the session was ended");
    else {
      openStreams.endSession(id, "the session was ended");
      knownValues.forget(id);
    }
  });
  const decideAgain = (): void => {
    openStreams
      .decideAgain()
      .catch((error: unknown) => log.error("open streams could not be decided again", { error: errorMessage(error) }));
  };
  const offSwap = policy.onSwap(decideAgain);
  const offStanding = approvals.standing.onChange(decideAgain);
  const timer = setInterval(() => {
    openStreams.endExpired(clock.now());
    for (const id of openStreams.sessions()) openSessions.keep(id);
    for (const session of openSessions.expire(idleSeconds * 1000)) closed(session, "it reached its limit or was idle");
  }, SWEEP_MS);
  timer.unref();
  let asking = false;
  const revocations = setInterval(() => {
    if (asking) return;
    asking = true;
    void openStreams
      .endRevoked((name) => approvals.stands(name))
      .finally(() => {
        asking = false;
      });
  }, REVOCATIONS_MS);
  revocations.unref();
  return () => {
    clearInterval(timer);
    clearInterval(revocations);
    offEnd();
    offSwap();
    offStanding();
  };
}
