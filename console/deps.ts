import type { ApprovalHome, Kill } from "../approvals/types.ts";
import type { Person } from "../approvals/voters.ts";
import type { EventRow, Recorder } from "../audit/event.ts";
import type { PackSigner } from "../audit/export/pack-note.ts";
import type { QuestionReader, StoreReader } from "../audit/store/store.ts";
import type { Clock } from "../base/clock.ts";
import type { GatewayConfig } from "../base/config/gateway.ts";
import type { ExceptionLimits } from "../base/config/guardrails.ts";
import type { Log } from "../base/log.ts";
import type { ExchangeRequest } from "../identity/exchange-request.ts";
import type { Authenticated, Identity } from "../identity/types.ts";
import type { StreamLimits } from "./evidence-streams.ts";

/** What the control API is given; each is as narrow as what it asks. */
export interface ConsoleDeps {
  authenticator: {
    authenticate(token: string, audience: "data" | "admin"): Authenticated | Promise<Authenticated>;
    exchange(request: ExchangeRequest): Promise<object>;
    endSession(sessionId: string, until?: number): void;
    jwks(): { keys: object[] };
  };
  approvals: Pick<
    ApprovalHome,
    | "get"
    | "list"
    | "approve"
    | "deny"
    | "revoke"
    | "breakGlass"
    | "review"
    | "kill"
    | "reset"
    | "refresh"
    | "status"
    | "standing"
  >;
  sessions: {
    /** Whose session this is, where this replica has it open. */
    usersOf(id: string): string[];
    /** Ends it on this replica, at once. */
    kill(kill: Kill): void;
    /** The repository did not take it: it is tried again. */
    retryKill(kill: Kill): void;
  };
  /** The other replicas are told at once that something changed; what was killed they end by themselves. */
  peers: { tell(kill?: Kill): void };
  recorder: Pick<Recorder, "record" | "recordDurably" | "failure">;
  /** The record, with the limits that every reader has. */
  reader: StoreReader & QuestionReader;
  policy: { status(): object };
  /** What the policy in force says to one request; there is no such endpoint where absent. */
  explain?: (request: unknown, caller: Identity) => Promise<object>;
  /** What standing exceptions may be, by the guardrails in force; the guardrails' own defaults where absent. */
  exceptionLimits?: () => ExceptionLimits;
  config: Pick<GatewayConfig, "issuers" | "tenant" | "sessions"> & {
    listen: { url: string };
    policy?: Pick<GatewayConfig["policy"], "docsUrl">;
    people: readonly Person[];
    approvals: { breakGlass: GatewayConfig["approvals"]["breakGlass"] };
  };
  /** What GitHub signs its webhooks with; it is served where there is one. */
  webhookSecret?: string | undefined;
  /** `keys.hmacFile`: what peers sign their messages with. */
  hmacKeys: readonly Uint8Array[];
  clock: Clock;
  log: Log;
  /** Shows what is sealed in a row of events, as far as the keys of persons open it. */
  reveal?: ((row: EventRow) => EventRow) | undefined;
  /** Who signs evidence packs; there are none where absent. */
  packSigner?: PackSigner | undefined;
  /** Resolves when what was recorded until now is signed and in the store, or would not be for long. */
  settleRecord?: () => Promise<void>;
  /** Caps of the streams of evidence; their own where absent. */
  streamLimits?: Partial<StreamLimits>;
  /** Aborted when the gateway drains: what is streamed ends. */
  draining?: AbortSignal;
  /** Unauthenticated requests of one address in a minute; 600 where absent. */
  unauthenticatedPerMinute?: number;
}
