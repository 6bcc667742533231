import type { Candidates, StandingQuestion } from "./standing/standing.ts";

/** One request's policy exception and its life: `pending → approved → consumed`, or denied, expired, cancelled, revoked. */
export type ApprovalState = "pending" | "approved" | "consumed" | "denied" | "expired" | "cancelled" | "revoked";

export interface Requirement {
  rules: string[];
  /** `user:<username>` or `group:<group>`. */
  approvers: string[];
  required: number;
}

/** What a hold proposes: all that the exception file and its pull request say. */
export interface Proposal {
  connection: string;
  /** HMACs of contracts §4, lower-case hex. */
  digest: string;
  change: string;
  rules: string[];
  /** `owner`: the person that an agent acts for, where the session names one; they may not approve either. */
  requester: {
    issuer: string;
    username: string;
    session: string;
    owner?: { issuer: string; username: string };
  };
  /** For the reader: verb, resource, namespace, name, `kubectl`-like command line; the agent's text is untrusted. */
  summary: {
    verb: string;
    resource: string;
    namespace: string;
    name: string;
    command: string;
    agent: string;
    reason: string;
  };
  findings: { rule: string; message: string; severity: string; fields: string[] }[];
  /** What the approver is shown to change, secret values masked: [{path, from, to}]. */
  changes: { path: string; from?: unknown; to?: unknown }[];
  policyRevision: string;
  requirements: Requirement[];
  /** Milliseconds since the epoch. */
  notAfter: number;
  maxUses: number;
  /** Where an earlier approval of this digest stood for another change: its name. */
  supersedes?: string;
}

export interface Vote {
  issuer: string;
  username: string;
  /** Milliseconds since the epoch. */
  at: number;
  reason: string;
}

export interface Approval {
  /** `<first 16 hex of the digest>-<n>`; it is events.approval_id. */
  name: string;
  state: ApprovalState;
  proposal: Proposal;
  /** The exact bytes of `exceptions/<name>.yaml`, as shown; `seen` in the control API is their SHA-256. */
  file: string;
  /** Milliseconds since the epoch. */
  openedAt: number;
  settledAt?: number;
  approvals: Vote[];
  denial?: Vote;
  uses: { n: number; exchangeId: string }[];
}

/** Who acts on an approval: a validated admin-audience identity. */
export interface Actor {
  issuer: string;
  username: string;
  groups: string[];
}

export type UseResult = { ok: true; n: number } | { ok: false; reason: "spent" | "not-approved" | "expired" };

/** The standing exceptions of the policy-exceptions repo (contracts §4), as they are in force now. */
export interface StandingHome {
  readonly size: number;
  /** Those that may lift a rule for this request: neither expired nor used up, in order of their names. */
  candidates(asked: StandingQuestion): Candidates;
  /** Those among these names that still apply to it, used up or not: for what one of their uses let begin. */
  standing(asked: StandingQuestion, names: ReadonlySet<string>): Candidates;
  /** Spends a use for one exchange; one and the same exchange spends one, however often it asks. False: none is left. */
  use(name: string, exchangeId: string): Promise<boolean>;
  /** Called when one that was in force is no more, or is another one now: what stands on it must be decided again. */
  onChange(listener: () => void): () => void;
}

/** The policy-exceptions repo. One interface; `git/` is embedded, `github/` comes with its own issue. */
export interface ApprovalHome {
  readonly standing: StandingHome;
  /**
   * Opens a proposal, or returns the pending one of the same digest: creating branch `sallyport/<digest>` is
   * the lock. `opened` tells which. Throws Refusal `approval-denied` within ten minutes of a denial of the same digest.
   */
  propose(proposal: Proposal): Promise<{ approval: Approval; opened: boolean }>;
  get(name: string): Promise<Approval | undefined>;
  list(filter?: {
    state?: ApprovalState;
    limit?: number;
    continue?: string;
  }): Promise<{ items: Approval[]; continue?: string }>;
  /** The approved, unexpired, unspent approval of this digest, if any; else the pending one; else a denial within ten minutes. */
  find(digest: string): Promise<Approval | undefined>;
  /** Resolves when the approval leaves `pending`, or with its present state when the signal fires. */
  waitSettled(name: string, signal: AbortSignal): Promise<Approval>;
  approve(name: string, by: Actor, input: { reason: string; seen: string }): Promise<Approval>;
  deny(name: string, by: Actor, input: { reason: string; seen?: string }): Promise<Approval>;
  /** Spends a use: creates ref `refs/sallyport/used/<name>/<n>` where none was, bound to the exchange. */
  use(name: string, exchangeId: string): Promise<UseResult>;
  /** The upstream definitely did not apply it (connection refused, 409, 422): the same exchange may try again. */
  release(name: string, n: number, exchangeId: string): Promise<void>;
  /** Whether what an approval let begin may go on: its file is on main, as it was approved. */
  stands(name: string): Promise<boolean>;
  /** Called on every change of state, once each. */
  onChange(listener: (approval: Approval) => void): () => void;
  close(): Promise<void>;
}
