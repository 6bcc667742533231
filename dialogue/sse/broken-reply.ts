import { toRefusal } from "../../base/errors.ts";
import { SseError } from "./sse-reader.ts";

/** Why a reply is read no further: for the record and the client, so it quotes nothing of the reply. */
export class BrokenReply extends Error {
  override readonly name = "BrokenReply";
}

/** Its words go to the client and to the record. A Refusal that the provider's stream throws is whoever ended it. */
export function whyBroken(error: unknown): { why: string; status: number } {
  if (error instanceof BrokenReply) return { why: error.message, status: 502 };
  if (error instanceof SseError) return { why: `of the event stream, ${error.message}`, status: 502 };
  const { message, status } = toRefusal(error);
  return { why: message, status };
}
