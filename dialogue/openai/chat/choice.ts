import { BrokenReply } from "../../sse/guard-stream.ts";
import { KeptText } from "../kept-text.ts";
import { type CallPiece, ChatCall } from "./call.ts";

/** One of the replies that were asked for (`n`). */
export class Choice {
  readonly index: number;
  readonly calls = new Map<number, ChatCall>();
  #current: ChatCall | undefined;
  finishReason: string | undefined;
  readonly text = new KeptText();
  /** Whether the client has got words of it: what is said in the place of a call begins a paragraph then. */
  spoke = false;

  constructor(index: number) {
    this.index = index;
  }

  /** The call of a piece. Another one begins with it where `begun` is true: the one before it is whole. */
  callOf(piece: CallPiece, index: () => number): { call: ChatCall; before?: ChatCall } {
    if (this.finishReason !== undefined) throw new BrokenReply("a tool call came after the end of its message");
    const current = this.#current;
    if (current?.at === piece.at) return { call: current };
    if (this.calls.has(piece.at)) throw new BrokenReply("tool calls are interleaved");
    for (const at of this.calls.keys())
      if (at > piece.at && piece.at >= 0) throw new BrokenReply("tool calls are out of order");
    const call = this.begin(piece, index());
    this.#current = call;
    return current === undefined ? { call } : { call, before: current };
  }

  begin(piece: CallPiece, index: number): ChatCall {
    const call = new ChatCall(piece.at, index);
    this.calls.set(piece.at, call);
    return call;
  }

  /** Whether a call has begun that is not whole. */
  get isCalling(): boolean {
    return this.#current !== undefined;
  }

  /** The call that was not whole; it is now. */
  takeCurrent(): ChatCall | undefined {
    const current = this.#current;
    this.#current = undefined;
    return current;
  }

  /** What the client sees as the index of a call: clients keep calls in an array, in which a hole is a call of nothing. */
  indexFor(call: ChatCall): number {
    let before = 0;
    for (const other of this.calls.values()) if (other.at >= 0 && other.at < call.at && other.replaced) before++;
    return call.at - before;
  }

  /** Whether every call of it was replaced, so that the client has nothing to run. */
  get emptied(): boolean {
    return this.calls.size > 0 && [...this.calls.values()].every((call) => call.replaced);
  }
}
