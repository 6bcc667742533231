import type { Approval, ApprovalHome } from "../../../approvals/types.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Process, Turns } from "./turns.ts";

/** What the model knows of one of the two homes: how gateways open it, and how people act in it. */
export interface ModelHome {
  /** Opens it for a gateway, as that process: each of its calls to the repository takes its turns. */
  open(process: Process): Promise<ApprovalHome>;
  /** A person approves. Rejects where it was refused; `via` is a gateway's home that serves. */
  approve(approval: Approval, via: ApprovalHome): Promise<unknown>;
  deny(approval: Approval, via: ApprovalHome): Promise<unknown>;
  revoke(approval: Approval, via: ApprovalHome): Promise<unknown>;
  /** False: people act in the repository itself, whatever becomes of the gateways. */
  readonly throughGateway: boolean;
  /** A revocation counts from its answer on; else from the gateway's next look at the repository. */
  readonly revokesAtOnce: boolean;
  /** What is over by its own time may be forgotten, and how it ended is said by whoever saw it then. */
  readonly forgetsTheOver: boolean;
  close(): Promise<void>;
}

export interface ModelHomeOptions {
  turns: Turns;
  time: Clock;
  /** A change of a ref no longer asks what it was before. */
  withoutSwap: boolean;
}

export type MakeModelHome = (options: ModelHomeOptions) => Promise<ModelHome>;
