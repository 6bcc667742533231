import type { Deps } from "../deps.ts";
import type { Classified, Identified } from "../exchange.ts";
import { clusterClaims } from "../model/claims.ts";
import { questionOf } from "../question.ts";

/** Says what is asked, as the API server will understand it, and writes down policy's question. */
export function classify(exchange: Identified, deps: Deps): Classified {
  const classified = Object.assign(exchange, questionOf(exchange, exchange.client !== undefined, deps.clock.now()));
  // Now, and once: its tool call may have come back by the time that it is answered.
  const { session, attributes, input, req } = classified;
  const link = deps.dialogues.link(session.id, attributes, () => clusterClaims(req.headers));
  if (link === undefined) return classified;
  exchange.link = link;
  const { promptId, toolUseId, model, strength } = link;
  if (promptId !== "") input.dialogue = { promptId, toolUseId, model, strength };
  return classified;
}
