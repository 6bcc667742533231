import { isObject } from "../json/strict-json.ts";
import { BrokenReply } from "../sse/broken-reply.ts";

/** The provider itself ended the reply with an error: its own event is passed on as it came, and nothing behind it. */
export class ProviderFailed extends BrokenReply {
  readonly bytes: Uint8Array;
  /** `event`: parsed, or the response that it is about. */
  constructor(event: Record<string, unknown>, bytes: Uint8Array) {
    super(reasonOf(event));
    this.bytes = bytes;
  }
}

const WORD = /^[a-z_]{1,64}$/;

/** In the provider's word, where it is one. */
export function reasonOf(event: Record<string, unknown>): string {
  const error = isObject(event.error) ? event.error : event;
  const word = [error.code, error.type].find((each) => typeof each === "string" && WORD.test(each) && each !== "error");
  return `the provider ended it: ${typeof word === "string" ? word : "error"}`;
}
