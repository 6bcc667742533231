import { BrokenReply } from "../../sse/guard-stream.ts";

/**
 * A text of a call as its events say it: its beginning, pieces of it, and then the whole. A client may take any of them
 * for the text, so that nothing may come behind the whole, and the item must have just that.
 */
export class SaidText {
  readonly #begun: string;
  #pieces = "";
  #whole: string | undefined;

  constructor(begun = "") {
    this.#begun = begun;
  }

  get length(): number {
    return this.#begun.length + this.#pieces.length;
  }

  add(piece: string): void {
    if (this.#whole !== undefined) throw afterEnd();
    this.#pieces += piece;
  }

  end(whole: string): void {
    if (this.#whole !== undefined) throw afterEnd();
    this.#whole = whole;
    this.check(whole);
  }

  /** `cut`: the pieces may be the beginning of it. Throws BrokenReply where the item's text is another one. */
  check(text: unknown, cut = false): void {
    const said = this.#begun + this.#pieces;
    const open = this.#pieces === "" || (cut && this.#whole === undefined);
    const same = typeof text === "string" && (open ? text.startsWith(said) : text === said);
    if (!same || (this.#whole ?? text) !== text) throw differs();
  }
}

export function differs(): BrokenReply {
  return new BrokenReply("a tool call is not what its pieces were");
}

export function afterEnd(): BrokenReply {
  return new BrokenReply("an event of a tool call came after its end");
}
