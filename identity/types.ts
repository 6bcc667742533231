/** A caller whose token was validated. */
export interface Identity {
  /** Name of the issuer in the configuration (`corp`). */
  issuer: string;
  /** With the issuer's mandatory prefix. */
  username: string;
  uid: string;
  groups: string[];
  /** approver, auditor, breakGlass: computed from `roles` in the configuration. */
  roles: string[];
  extra: Record<string, string[]>;
  /** `data`: an ID token or session token for the data path; `admin`: a token for the issuer's adminAudience. */
  audience: "data" | "admin";
  /** Seconds since the epoch, where the token says when its subject last logged in. */
  authTime?: number;
  /** True where the token carries an `act` claim (RFC 8693 §4.1): an agent acts for somebody. */
  hasActor: boolean;
  /** Milliseconds since the epoch: after this the identity is nobody. */
  expiresAt: number;
}

/** What a gateway session is (contracts §1.1 `session`). */
export interface Session {
  id: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Milliseconds since the epoch: no renewal goes past it. */
  limitAt: number;
  agent: string;
  reason: string;
  owner: { issuer: string; username: string };
  /** CLAUDE_CODE_SESSION_ID and TRACEPARENT where the environment had them, and the like. */
  labels: Record<string, string>;
  /** Whether the token was a gateway session token, or a raw ID token with a session of its own. */
  source: "session-token" | "id-token";
}

export interface Authenticated {
  identity: Identity;
  session: Session;
}
