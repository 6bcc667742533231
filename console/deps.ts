import type { ApprovalHome } from "../approvals/types.ts";
import type { Recorder } from "../audit/event.ts";
import type { StoreReader } from "../audit/store/store.ts";
import type { GatewayConfig } from "../base/config/gateway.ts";
import type { Log } from "../base/log.ts";
import type { ExchangeRequest } from "../identity/exchange-request.ts";
import type { Authenticated, Identity } from "../identity/types.ts";

/** What the control API is given; each is as narrow as what it asks. */
export interface ConsoleDeps {
  authenticator: {
    authenticate(token: string, audience: "data" | "admin"): Authenticated | Promise<Authenticated>;
    exchange(request: ExchangeRequest): Promise<object>;
    endSession(sessionId: string): void;
    jwks(): { keys: object[] };
  };
  approvals: Pick<ApprovalHome, "get" | "list" | "approve" | "deny">;
  recorder: Pick<Recorder, "record" | "recordDurably" | "failure">;
  /** The record, with the limits that every reader has. */
  reader: StoreReader;
  policy: { status(): object };
  /** What the policy in force says to one request; there is no such endpoint where absent. */
  explain?: (request: unknown, caller: Identity) => Promise<object>;
  config: Pick<GatewayConfig, "issuers" | "tenant"> & { listen: { url: string } };
  log: Log;
  /** Unauthenticated requests of one address in a minute; 600 where absent. */
  unauthenticatedPerMinute?: number;
}
