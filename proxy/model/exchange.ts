import type { Refusal } from "../../base/errors.ts";
import type { Dialect, ModelRequest, ReplySummary } from "../../dialogue/types.ts";
import type { Decision, Policy } from "../../engine/decision.ts";
import type { Identity, Session } from "../../identity/types.ts";
import type { HttpRequest, HttpResponse } from "../http.ts";
import type { BodyRoom } from "../under-way.ts";
import type { UpstreamResponse } from "../upstream.ts";
import type { Reservation } from "./budgets.ts";
import type { ModelConnection } from "./connection.ts";
import type { Turn } from "./dialogues.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Redactions } from "./redact-prompt.ts";

/**
 * One request to a model provider on its way through the gateway. As on the cluster's side each step takes the exchange as
 * the former step's type and returns it as the next one's.
 */
export interface ModelArrived {
  /** UUIDv7. */
  readonly id: string;
  readonly startedAt: number;
  readonly req: HttpRequest;
  readonly res: HttpResponse;
  /** Fires when the client has gone, or the gateway drains. */
  readonly signal: AbortSignal;
  readonly connection: ModelConnection;
  /** Path and query below /connections/{name}, as sent. */
  readonly target: string;
  readonly sourceIP: string;
  /** It was handed to the provider, and may have reached it. */
  sent?: boolean;
  /** Why a reply that had begun ended before its end. */
  cut?: string;
  leave?: () => void;
  /** Of its body in memory. */
  room?: BodyRoom;
  /** Takes it from what ends with its session. */
  forget?: () => void;
  /** Its place in the budgets, and what it came to; `estimated` where the provider's count did not come. */
  reservation?: Reservation;
  spent?: { tokens: number; cost?: number; estimated?: true };
  /** What is said of it on record, whatever comes of it. */
  promptId?: string;
  /** What it is part of, where it is a turn of a dialogue. */
  turn?: Turn;
}

export type ModelIdentified = ModelArrived & { identity: Identity; session: Session };

export type ModelClassified = ModelIdentified & { endpoint: Endpoint };

/** `asked` is undefined where the request has no body. */
export type ModelRead = ModelClassified & { body: Buffer | null; asked: ModelRequest | undefined };

/**
 * `body` is what goes to the provider: the same bytes where nothing had to be taken out. `recorded` is what of it may come on
 * record, null where nothing may, and `told` the same as it reads.
 */
export type ModelRedacted = ModelRead & {
  redacted: number;
  redactions?: Redactions;
  recorded?: Buffer | null;
  told?: ModelRequest | undefined;
  /** Why it may not name what its provider keeps; it is told once it is decided. */
  unrecalled?: Refusal | undefined;
};

export type ModelDecided = ModelRedacted & { policy: Policy; decision: Decision };

/** What was asked is let go of once it was sent, but for what its record and its budget need: a reply may stream for an hour. */
export type ModelForwarded = ModelDecided & { response: UpstreamResponse; requestBytes: number };

export type ModelAnswered = ModelForwarded & { summary: ReplySummary | undefined; responseBytes: number };

/** Whatever is known of an exchange when it is refused. */
export type ModelKnown = ModelArrived & Partial<Omit<ModelAnswered, keyof ModelArrived>>;

/** Whether clients take the provider's answer for a reply: any 2xx. */
export function isReply({ status }: Pick<UpstreamResponse, "status">): boolean {
  return status >= 200 && status < 300;
}

/** What its refusals look like. */
export function dialectOf({ endpoint, connection }: Pick<ModelKnown, "endpoint" | "connection">): Dialect {
  return endpoint?.dialect ?? (connection.kind === "anthropic" ? "anthropic.messages" : "openai.chat");
}
