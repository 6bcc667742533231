import type { ModelDeps } from "../deps.ts";
import type { ModelRead, ModelRedacted } from "../exchange.ts";
import { redactPrompt } from "../redact-prompt.ts";

/** Takes out what must not leave: values that this session must not see, and credentials by their form. */
export async function redact(exchange: ModelRead, deps: ModelDeps): Promise<ModelRedacted> {
  const { body, session } = exchange;
  if (body === null) return Object.assign(exchange, { redacted: 0 });
  const clean = await redactPrompt(body, deps.knownValues.known(session.id));
  return Object.assign(exchange, { body: clean.body, redacted: clean.count });
}
