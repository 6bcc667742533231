import type { Decision, Need, Policy } from "../engine/decision.ts";
import type { KubernetesObject, PolicyInput } from "../engine/input.ts";
import type { Masker } from "../engine/mask/masker.ts";
import type { ShadowRun } from "../engine/shadow.ts";
import type { Identity, Session } from "../identity/types.ts";
import type { DecodedBody } from "../kubernetes/body/decode.ts";
import type { Render } from "../kubernetes/body/encode.ts";
import type { RequestAttributes } from "../kubernetes/types.ts";
import type { Content, ContentSink } from "./answer/content-sink.ts";
import type { Connection } from "./connection.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import type { Link } from "./model/link.ts";
import type { Upgrade } from "./tunnel/upgrade.ts";
import type { UpgradeSocket } from "./tunnel/upgrade-socket.ts";
import type { BodyRoom } from "./under-way.ts";
import type { UpstreamResponse } from "./upstream.ts";
import type { RecordedPart } from "./withhold/recorded-answer.ts";

/**
 * One request on its way through the data path. Each step takes the exchange as the former step's type and
 * returns it as the next one's, so that a wrong order of steps does not compile.
 */
export interface Arrived {
  /**
   * UUIDv7; sent upstream as Audit-ID, so that the API server's own log is our independent witness. Each attempt
   * to forward has one of its own: `firstId` is the exchange's.
   */
  id: string;
  readonly firstId: string;
  /** This attempt was handed to the upstream, and may have reached it. */
  sent?: boolean;
  /** performance.timeOrigin-based milliseconds since the epoch, with a fraction. */
  readonly startedAt: number;
  readonly req: HttpRequest;
  readonly res: HttpResponse;
  /** Fires when the client has gone, or the gateway drains. */
  readonly signal: AbortSignal;
  /** Undefined where the gateway has none of that name, which only who is identified is told. */
  readonly connection: Connection | undefined;
  /** Path and query below /connections/{name}, as sent; all of it where there is no such connection. */
  readonly target: string;
  readonly sourceIP: string;
  /** Sent as `Warning: 299` headers, which kubectl prints. */
  readonly warnings: string[];
  /** How often a 409 on our own precondition sent it back to `gather`. */
  retries: number;
  /** When it was first sent back: a hold before that takes nothing of its time. */
  judgedAgainAt?: number;
  /** Why an answer that had begun ended before its end: the client, the upstream, the policy. */
  cut?: string;
  /** The candidate's part in it, until it is on record. */
  shadow?: ShadowRun | undefined;
  /** Gives up the object's turn, where this exchange has it. */
  unlock?: () => void;
  /** It is over, and no longer counts among those that its identity has under way. */
  leave?: () => void;
  /** Of its body in memory. */
  room?: BodyRoom;
  /** How its answer is put on record, where not as the client gets it. */
  recordedPart?: RecordedPart | undefined;
  /** Takes what comes of its answer for the record, where the level keeps it. */
  openContent?: (() => ContentSink) | undefined;
  /** Which tool call of its session's dialogue it comes of, where the session has one. */
  link?: Link | undefined;
  /** As long as its body may say what decides on that: links it once more, as of when it came. */
  linkAgain?: ((body: ReadBody | null) => void) | undefined;
  /** The socket of a client that asks for an upgrade. */
  readonly client?: UpgradeSocket | undefined;
}

export type Identified = Arrived & { connection: Connection; identity: Identity; session: Session };

/** `upgrade`: what the client asks to switch to. */
export type Classified = Identified & { attributes: RequestAttributes; input: PolicyInput; upgrade?: Upgrade };

/** Judged by metadata alone. `policy` is the one revision that judges this exchange to its end. */
export type Screened = Classified & { policy: Policy; needs: ReadonlySet<Need>; verdict: Decision };

/** The body, decoded: `forwardBytes` is what was judged, and what goes upstream. */
export type ReadBody = DecodedBody & {
  /** As the client sent it. */
  bytes: Buffer;
};

/** `body` is null where the request has none, or where it streams through unread. */
export type BodyRead = Screened & { body: ReadBody | null };

export interface Facts {
  oldObject?: KubernetesObject | null;
  /** The answer to the same request with dryRun=All. */
  outcome?: KubernetesObject;
  /** resourceVersion that what was judged stands on: sent as a precondition. */
  resourceVersion?: string;
}

export type Gathered = BodyRead & { facts: Facts };

export type Decided = Gathered & { decision: Decision; masker: Masker | undefined };

/**
 * Past the hold: `use` is the approval that was spent on this exchange. `spentAs` is the id of kubectl's first
 * attempt, where it was spent on that one in vain.
 */
export type Cleared = Decided & { use?: { approval: string; n: number; breakGlass?: true }; spentAs?: string };

export type Intended = Cleared & { intentRecorded: boolean };

/** `render` is what the client reads, where the answer is masked and written anew. */
export type Forwarded = Intended & { response: UpstreamResponse; render: Render };

export type Answered = Forwarded & {
  maskedFields: string[];
  /** HMACs of the values that were masked or overwritten, by their entries in maskedFields where they have one. */
  fingerprints?: Readonly<Record<string, string>>;
  responseBytes: number;
  responseContent?: Buffer;
  /** In place of it, what came in parts. */
  responseStream?: Content["responseStream"];
};

/** Whatever is known of an exchange when it is refused. */
export type Known = Arrived & Partial<Omit<Answered, keyof Arrived>>;
