import type { Deps } from "../deps.ts";
import type { Classified, Identified } from "../exchange.ts";
import { linkDialogue } from "../link-dialogue.ts";
import { questionOf } from "../question.ts";

/** Says what is asked, as the API server will understand it, and writes down policy's question. */
export function classify(exchange: Identified, deps: Deps): Classified {
  const classified = Object.assign(exchange, questionOf(exchange, exchange.client !== undefined, deps.clock.now()));
  linkDialogue(classified, deps);
  return classified;
}
