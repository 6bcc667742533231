import type { Kill } from "../../approvals/types.ts";
import { coalesced, within } from "../../base/deadline.ts";
import { errorMessage } from "../../base/errors.ts";
import type { PolicyHolder } from "../../engine/policy-holder.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import type { Session } from "../../identity/types.ts";
import type { Deps } from "../../proxy/deps.ts";

const SWEEP_MS = 1_000;
/** How soon a tunnel learns that its approval was taken back, where nothing else says so before. */
const REVOCATIONS_MS = 2_000;
/** A home that does not say in so long whether an approval stands says that it does not. */
const STANDS_MS = 10_000;

export interface SessionWatch {
  /** Ends a session here that a person killed, at once. */
  kill(kill: Pick<Kill, "session" | "until">): void;
  stop(): void;
}

/**
 * Ends what stands on a session, a credential or a policy when that ends: streams, minted cluster credentials, and
 * the session's place on record.
 */
export function watchSessions(
  deps: Deps,
  { authenticator, policy, idleSeconds }: { authenticator: Authenticator; policy: PolicyHolder; idleSeconds: number },
): SessionWatch {
  const { approvals, openSessions, openStreams, knownValues, recordValues, dialogues, kept, connections } = deps;
  const { recorder, clock, log } = deps;

  const kills = new Set<string>();

  function forget(id: string, why: string): void {
    openStreams.endSession(id, why);
    knownValues.forget(id);
    recordValues.forget(id);
    dialogues.forget(id);
    kept.forget(id);
    for (const { credential } of connections.values()) {
      credential
        .endSession(id)
        .catch((error: unknown) => log.error("a session's cluster credential may live on", { session: id, error }));
    }
  }

  function closed(session: Session, why: string): void {
    forget(session.id, why);
    recordClosed(session, why);
  }

  function recordClosed(session: Session, why: string): void {
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
    const why = kills.has(id) ? "the session was killed" : "the session was ended";
    const session = openSessions.forget(id);
    // One that was never seen here may come yet.
    if (session !== undefined) closed(session, why);
    else forget(id, why);
  });
  // Whichever replica took it: it ends here as one that was ended here does.
  const kill = ({ session, until }: Pick<Kill, "session" | "until">): void => {
    kills.add(session);
    try {
      authenticator.endSession(session, until);
    } catch (error) {
      // The repository has it as well, and says so again after a restart.
      log.error("a kill is remembered in memory only", { session, error: errorMessage(error) });
    } finally {
      kills.delete(session);
    }
  };
  const offKill = approvals.onKill(kill);
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
  const endRevoked = coalesced(() => openStreams.endRevoked((name) => within(STANDS_MS, () => approvals.stands(name))));
  const revocations = setInterval(endRevoked, REVOCATIONS_MS);
  revocations.unref();
  const offChange = approvals.onChange(({ state }) => {
    if (state === "revoked" || state === "cancelled") endRevoked();
  });
  return {
    kill,
    stop() {
      // Another gateway, or the next process, opens it again if it goes on. One that is killed says nothing: the next
      // process on its spool does (audit/recorder/former-sessions.ts).
      for (const session of openSessions.forgetAll()) recordClosed(session, "the gateway that had it open ended");
      clearInterval(timer);
      clearInterval(revocations);
      offEnd();
      offKill();
      offChange();
      offSwap();
      offStanding();
    },
  };
}
