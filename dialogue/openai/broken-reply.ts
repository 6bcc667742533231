/**
 * A reply that ends here: it cannot be read, or readers would read it differently. `message` goes to the client and into
 * the record; it quotes nothing of the reply.
 */
export class BrokenReply extends Error {
  override readonly name = "BrokenReply";
}

/** The provider itself ended the reply with an error: its own event is passed on as it came, and nothing behind it. */
export class ProviderFailed extends Error {
  override readonly name = "ProviderFailed";
  readonly bytes: Uint8Array;
  constructor(message: string, bytes: Uint8Array) {
    super(message);
    this.bytes = bytes;
  }
}
