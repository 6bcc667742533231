import type { StandingException } from "./standing/exception.ts";
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
    /** The prompt that led to it, where the agent's client says so: claimed, not proven. */
    promptId?: string;
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
  findings: {
    rule: string;
    message: string;
    severity: string;
    fields: string[];
    /** No exception and no break-glass lifts it. */
    absolute?: boolean;
    /** The rule's own title and what its METADATA says to do instead, for who decides. */
    title?: string;
    remediation?: string;
  }[];
  /** What it reaches, in one sentence of the gateway's own: "deletes Deployment shop/web and its 14 pods on prod". */
  blastRadius?: string;
  /** What the approver is shown to change, secret values masked: [{path, from, to}]. */
  changes: { path: string; from?: unknown; to?: unknown }[];
  policyRevision: string;
  requirements: Requirement[];
  /** Milliseconds since the epoch. */
  notAfter: number;
  maxUses: number;
  /** Where an earlier approval of this digest stood for another change: its name. */
  supersedes?: string;
  /** Guardrails say that requests of one session's burst are decided together, in one pull request. */
  batch?: boolean;
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
  /** Why it was cancelled or revoked, and by whom: "" is the gateway itself. `at` in milliseconds since the epoch. */
  ended?: { by: string; at: number; reason: string };
  /** It was let through by break-glass, and must be reviewed by `reviewBy` (milliseconds since the epoch). */
  breakGlass?: { by: Vote; reviewBy: number; review?: Vote & { verdict: "accepted" | "rejected" } };
  /** Where it is decided on the web; the embedded home has none. */
  pullRequest?: { number: number; url: string };
  /** Names of those that are decided together, its own among them; absent: it alone. */
  batch?: string[];
  uses: { n: number; exchangeId: string }[];
}

/** A session that was ended for good, on every replica. `at` and `until` in milliseconds since the epoch. */
export interface Kill {
  session: string;
  by: string;
  reason: string;
  at: number;
  /** Nothing of the session could be valid after it. */
  until: number;
}

/** How long a break-glass lasts, and how long its review may take. */
export interface BreakGlassTerms {
  validForSeconds: number;
  reviewWithinSeconds: number;
}

/** What an operator must know of a home. */
export interface HomeStatus {
  /** Milliseconds since the epoch at which the repository was last seen whole; 0: never. */
  checkedAt: number;
  /** Why it could not be reached when it was last asked. */
  unreachable?: string;
  /** main was rewritten: nothing new counts until a person says that it is right as it is now. */
  frozen?: { from: string; to: string; at: number; why: string };
  /** What is set up in a way that weakens approvals: no branch protection, and the like. */
  warnings: string[];
  /** Exception files on main that stand for nothing, and why. */
  malformed: { name: string; error: string }[];
  /** Break-glass uses whose review is overdue. */
  overdueReviews: string[];
  /** Content creations that a forge still lets us make, in this minute and this hour. */
  budget?: { minute: number; hour: number };
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
  /** Those in force, in order of their names. */
  list(): readonly StandingException[];
  /**
   * Takes a file into force on a person's word. Throws a ConfigError where it is not valid, Refusal `forbidden` where it
   * is theirs to ask for and not to approve, `conflict` where this home takes it by pull request only.
   */
  put(name: string, file: string, by: Actor, reason: string): Promise<void>;
  /** Takes it back, on every replica. Throws Refusal `not-found`. */
  remove(name: string, by: Actor, reason: string): Promise<void>;
}

/** The policy-exceptions repo. One interface, two homes: `git/` is embedded, `github/` is on GitHub. */
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
  /**
   * The approved, unexpired, unspent approval of this digest, if any: the newest for this change, or else the newest; else
   * the pending one; else a denial within ten minutes.
   */
  find(digest: string, change?: string): Promise<Approval | undefined>;
  /** Resolves when the approval leaves `pending`, or with its present state when the signal fires. */
  waitSettled(name: string, signal: AbortSignal): Promise<Approval>;
  approve(name: string, by: Actor, input: { reason: string; seen: string }): Promise<Approval>;
  deny(name: string, by: Actor, input: { reason: string; seen?: string }): Promise<Approval>;
  /** Takes an approval back: what is not used is no more, and what stands on it ends. Refusal `conflict` where there is nothing to take back. */
  revoke(name: string, by: Actor, input: { reason: string }): Promise<Approval>;
  /** Ends a pending proposal without a verdict: its session was killed, or who asked withdrew it. `by` "" is the gateway. */
  cancel(name: string, by: string, reason: string): Promise<Approval>;
  /** Lets a pending request through on one person's word, to be reviewed afterwards. Refusal `forbidden` for an absolute finding. */
  breakGlass(name: string, by: Actor, input: { reason: string }, terms: BreakGlassTerms): Promise<Approval>;
  /** What a second person says of a break-glass afterwards. */
  review(name: string, by: Actor, input: { reason: string; verdict: "accepted" | "rejected" }): Promise<Approval>;
  /** Ends a session on every replica: a ref in the repository. Its pending proposals are cancelled, its unused approvals revoked. */
  kill(kill: Kill): Promise<void>;
  /** Called once for each kill, by whichever replica; those that are known already are told at once. */
  onKill(listener: (kill: Kill) => void): () => void;
  /** Something may have changed (a webhook, a peer's push): look now. Resolves when what is there is known here. Never rejects. */
  refresh(): Promise<void>;
  status(): HomeStatus;
  /** A person says that main is right as it is now, after its history was rewritten. `commit` must be its tip. */
  reset(by: Actor, input: { commit: string; reason: string }): Promise<void>;
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
