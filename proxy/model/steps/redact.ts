import { Refusal } from "../../../base/errors.ts";
import type { ModelRequest } from "../../../dialogue/types.ts";
import type { KnownValues } from "../../../engine/mask/known-values.ts";
import type { ModelDeps } from "../deps.ts";
import { WIRES } from "../dialects.ts";
import type { ModelRead, ModelRedacted } from "../exchange.ts";
import { forwardedHeaders } from "../headers.ts";
import { redactPrompt } from "../redact-prompt.ts";

/**
 * Takes out what must not leave: values that this session must not see, and credentials by their form. What comes after this
 * step knows the request as the provider gets it, so that nothing that was taken out comes on record.
 */
export async function redact(exchange: ModelRead, deps: ModelDeps): Promise<ModelRedacted> {
  const { body, session, endpoint } = exchange;
  const known = deps.knownValues.known(session.id);
  await refuseInHead(exchange, known);
  if (body === null) return Object.assign(exchange, { redacted: 0 });
  const said = (text: string): boolean => deps.thoughts.has(exchange, text);
  const { body: clean, redactions } = await redactPrompt(body, known, { said });
  const { dialect } = endpoint;
  const asked = clean === body || dialect === undefined ? exchange.asked : WIRES[dialect].readRequest(clean);
  const seen = deps.recordValues.known(session.id);
  // What was searched for what the session knows is searched for nothing more in most sessions.
  const same = seen.length === 0 && redactions.signed === 0;
  const recorded = same ? clean : await forRecord(clean, [...seen, ...known]);
  const told = recorded === clean ? asked : readAgain(recorded, dialect);
  return Object.assign(exchange, { body: clean, recorded, asked, told, redacted: redactions.count, redactions });
}

/** What is asked, in the words that its record may have. */
function readAgain(recorded: Buffer | null, dialect: ModelRead["endpoint"]["dialect"]): ModelRequest | undefined {
  if (recorded === null || dialect === undefined) return undefined;
  try {
    return WIRES[dialect].readRequest(recorded);
  } catch (error) {
    // A number that was taken out is a string.
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/**
 * A body as its record may have it, null where that cannot be told: neither what policy lets the session see nor what stands in
 * what the provider signed is kept for auditors to read.
 */
async function forRecord(body: Buffer, known: readonly KnownValues[]): Promise<Buffer | null> {
  if (!known.every(({ complete }) => complete)) return null;
  return (await redactPrompt(body, known, { alsoSigned: true })).body;
}

/** The provider reads a request's line and headers as well, and nothing can be taken out of them. */
async function refuseInHead(exchange: ModelRead, known: readonly KnownValues[]): Promise<void> {
  const head = [exchange.target, ...forwardedHeaders(exchange.req.headers).filter((_, i) => i % 2 === 1)];
  const { body, redactions } = await redactPrompt(Buffer.from(JSON.stringify(head)), known);
  if (redactions.count === 0) return;
  const [target = ""] = JSON.parse(body.toString("utf8")) as string[];
  // What is refused is on record too.
  Object.assign(exchange, { target });
  throw new Refusal("bad-header", "the request's line or a header holds a value that this session must not see", {
    next: "Send it without.",
  });
}
