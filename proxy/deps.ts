import type { Approval, ApprovalHome } from "../approvals/types.ts";
import type { Recorder } from "../audit/event.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Policy } from "../engine/decision.ts";
import type { SessionValues } from "../engine/mask/session-values.ts";
import type { Shadow } from "../engine/shadow.ts";
import type { Authenticated } from "../identity/types.ts";
import type { Connection } from "./connection.ts";
import type { HoldBudget } from "./hold/hold-budget.ts";
import type { SecondAttempts } from "./hold/second-attempts.ts";
import type { SharedAsks } from "./hold/shared-asks.ts";
import type { Budgets } from "./model/budgets.ts";
import type { ModelConnection } from "./model/connection.ts";
import type { Dialogues } from "./model/dialogues.ts";
import type { KeptByProviders } from "./model/kept.ts";
import type { Thoughts } from "./model/thoughts.ts";
import type { ObjectLocks } from "./object-locks.ts";
import type { OpenSessions } from "./open-sessions.ts";
import type { OpenStreams } from "./open-streams.ts";
import type { Refusals } from "./refusals.ts";
import type { StreamRoom } from "./tunnel/stream-room.ts";
import type { UnderWay } from "./under-way.ts";

/** What the data path stands on; the wiring passes the real rooms. */
export interface Deps {
  authenticator: {
    authenticate(token: string, audience: "data"): Authenticated | Promise<Authenticated>;
  };
  policy: { readonly current: Policy };
  approvals: ApprovalHome;
  recorder: Recorder;
  refusals: Refusals;
  connections: ReadonlyMap<string, Connection>;
  models: ReadonlyMap<string, ModelConnection>;
  /** What ties requests to a cluster to the prompts of their session. */
  dialogues: Dialogues;
  /** Of sessions' replies, what the providers keep. */
  kept: KeptByProviders;
  thoughts: Thoughts;
  /** What sessions and identities may spend at model providers. */
  budgets: Budgets;
  /** The shared key of digests and changes. */
  hmacKey: Uint8Array;
  /** `listen.url`: what the approval's URL starts with. */
  url: string;
  limits: { bodyBytes: number; modelBodyBytes: number };
  holdBudget: HoldBudget;
  objectLocks: ObjectLocks;
  openSessions: OpenSessions;
  openStreams: OpenStreams;
  underWay: UnderWay;
  /** What each session must not see, in any answer and stream. */
  knownValues: Pick<SessionValues, "of" | "forget" | "known">;
  /** What its record must not hold beside that: credentials that policy lets it see, and what it writes of them. */
  recordValues: Pick<SessionValues, "of" | "forget" | "known">;
  streamRoom: StreamRoom;
  secondAttempts: SecondAttempts;
  sharedAsks: SharedAsks;
  /** Told of each proposal that this gateway opened. */
  held?: ((approval: Approval) => void) | undefined;
  /** A candidate that is asked beside the policy in force. */
  shadow?: Shadow | undefined;
  clock: Clock;
  log: Log;
}
