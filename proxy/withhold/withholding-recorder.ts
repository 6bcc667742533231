import type { EventDraft, Recorder } from "../../audit/event.ts";
import { withMethods } from "../../base/with-methods.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import { RecordedTexts, withoutCredentials } from "./recorded-texts.ts";

/** Whoever can say what a session must not see, and what its record must not hold. */
export interface KnownOf {
  known(sessionId: string): readonly KnownValues[];
}

/**
 * Fields of payloads whose words are the gateway's or policy's own, or a person's name. They are never overwritten: who
 * writes a Secret chooses its value, and must not choose with it what the record leaves out.
 */
const PLAIN_PAYLOAD: ReadonlySet<string> = new Set([
  ...[
    "approvers",
    "as",
    "by",
    "channel",
    "code",
    "decisionId",
    "digest",
    "effect",
    "exception",
    "file",
    "frames",
    "masked",
  ],
  ...["method", "owner", "parent", "purpose", "reader", "retryOf", "revision", "rule", "rules", "severity", "state"],
  ...["subprotocol", "supersedes", "url", "verdict", "what"],
]);
const NONE: readonly KnownValues[] = [];

/**
 * The recorder, behind a search of each event's free texts for what its session must not see: queries, commands, headers,
 * messages. Objects and streams come to it masked already. Nothing that could not be searched is handed on.
 */
export function withholding<T extends Recorder>(recorder: T, sources: readonly KnownOf[]): T {
  const clean = (event: EventDraft): EventDraft => {
    let known = NONE;
    for (const source of sources) {
      const more = source.known(event.session_id);
      if (more.length > 0) known = [...known, ...more];
    }
    return known === NONE && !mayHoldCredential(event) ? event : withheld(event, known);
  };
  const own: Pick<Recorder, "record" | "recordDurably"> = {
    record: (event) => recorder.record(clean(event)),
    recordDurably: (event) => recorder.recordDurably(clean(event)),
  };
  return withMethods(recorder, own);
}

/** The event without what was found in its texts, in place. */
function withheld(event: EventDraft, known: readonly KnownValues[]): EventDraft {
  const texts = new RecordedTexts(known);
  if (event.user_agent !== undefined) event.user_agent = texts.text(event.user_agent);
  if (event.path !== undefined && isFreePath(event)) event.path = texts.text(event.path);
  if (event.input !== undefined) event.input = withheldInput(event.input, texts, known);
  if (event.payload === undefined) return event;
  if (known.length > 0 || saysMore(event.payload)) {
    event.payload = texts.deep(event.payload, { plain: PLAIN_PAYLOAD }) as Record<string, unknown>;
  }
  if (texts.origins.size > 0) event.payload = { ...event.payload, withheld: [...texts.origins].sort() };
  return event;
}

/** Whether an event of a session that knows nothing has anything to be searched for. */
function mayHoldCredential({ user_agent, path, input, payload }: EventDraft): boolean {
  const texts = [user_agent, path, input];
  return texts.some(hasCredential) || (payload !== undefined && saysMore(payload));
}

function hasCredential(text: string | undefined): boolean {
  return text !== undefined && (text.includes("eyJ") || text.includes("PRIVATE KEY"));
}

/** Whether there is anything in it but the gateway's own words: most events have nothing of that. */
function saysMore({ findings, ...rest }: Record<string, unknown>): boolean {
  if (Array.isArray(findings) && findings.length > 0) return true;
  for (const key in rest) if (!OWN_WORDS.has(key)) return true;
  return false;
}

/** A path that goes on behind a proxy, or that names nothing of Kubernetes, is anybody's words. */
function isFreePath({ subresource, verb, resource }: Partial<EventDraft>): boolean {
  return subresource === "proxy" || verb === "proxy" || resource === undefined || resource === "";
}

const OWN_WORDS: ReadonlySet<string> = new Set([
  "decisionId",
  "dryRun",
  "forwarded",
  "parent",
  "purpose",
  "method",
  "as",
  "retryOf",
]);

/** Fields of policy's question that hold a client's own words. */
const REQUEST_TEXTS = ["contentType", "fieldSelector", "labelSelector", "options", "query", "userAgent"];
const SESSION_TEXTS = ["agent", "reason"];

/** Policy's question; undefined where it cannot be searched. */
function withheldInput(input: string, texts: RecordedTexts, known: readonly KnownValues[]): string | undefined {
  if (known.some(({ complete }) => !complete)) return undefined;
  const bytes = known.length === 0 ? undefined : Buffer.from(input);
  const may = bytes !== undefined && known.some((one) => one.mayStandIn(bytes));
  if (!may && withoutCredentials(input) === input) return input;
  const question = JSON.parse(input) as Record<"request" | "session", Record<string, unknown>> & { exec?: unknown };
  const { request, session } = question;
  for (const field of REQUEST_TEXTS) request[field] = texts.deep(request[field], { all: true });
  for (const field of SESSION_TEXTS) session[field] = texts.deep(session[field]);
  if (question.exec !== undefined) question.exec = texts.deep(question.exec, { all: true });
  const { path, resource, subResource, verb } = request as { path: string; resource: { resource: string } } & Record<
    string,
    string
  >;
  if (isFreePath({ verb, subresource: subResource, resource: resource.resource })) request.path = texts.text(path);
  return JSON.stringify(question);
}
