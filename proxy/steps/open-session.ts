import type { Session } from "../../identity/types.ts";
import type { Deps } from "../deps.ts";
import { nowMs } from "../events.ts";
import type { Identified } from "../exchange.ts";

type Opening = Pick<Identified, "session" | "identity" | "sourceIP" | "req"> & { connection: { name: string } };

/** Puts a session on record the first time that it is seen here. */
export function openSession<Exchange extends Opening>(
  exchange: Exchange,
  deps: Pick<Deps, "openSessions" | "recorder">,
): Exchange {
  const { session, identity } = exchange;
  if (deps.openSessions.touch(session)) {
    deps.recorder.record({
      kind: "session.opened",
      session_id: session.id,
      at_ms: nowMs(),
      issuer: identity.issuer,
      username: identity.username,
      groups: identity.groups,
      connection: exchange.connection.name,
      source_ip: exchange.sourceIP,
      user_agent: (exchange.req.headers["user-agent"] ?? "").slice(0, 512),
      payload: sessionPayload(session),
    });
  }
  return exchange;
}

function sessionPayload(session: Session): Record<string, unknown> {
  const { startedAt, limitAt, agent, reason, owner, labels, source } = session;
  return { startedAt, limitAt, agent, reason, owner, labels, source };
}
