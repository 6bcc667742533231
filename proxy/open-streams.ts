/** A stream that outlives its decision: a watch, `logs -f`, or the tunnel of an exec. */
export interface OpenStream {
  sessionId: string;
  /** Milliseconds since the epoch at which the credential that opened it expires. */
  expiresAt: number;
  /** Name of the approval that was spent on it. */
  approval?: string | undefined;
  /** Whether the policy in force now would still open it in the same way. */
  stillAllowed(): boolean | Promise<boolean>;
  /** Ends it at once, without a clean end of the body, so that the client knows that it was cut. */
  end(why: string): void;
}

/**
 * Every open stream, so that it can be decided again when the policy is swapped, and ended with its session or
 * its credential (design §2, "Streams and sessions"; Teleport 51652).
 */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();
  #over: string | undefined;

  /** Returns the function that forgets it. */
  add(stream: OpenStream): () => void {
    this.#streams.add(stream);
    const over = this.#over;
    // An upstream that is slow to switch answers when all the others have ended.
    if (over !== undefined) queueMicrotask(() => stream.end(over));
    return () => this.#streams.delete(stream);
  }

  get size(): number {
    return this.#streams.size;
  }

  endSession(sessionId: string, why: string): void {
    for (const stream of this.#streams) if (stream.sessionId === sessionId) stream.end(why);
  }

  endExpired(now: number): void {
    for (const stream of this.#streams) if (stream.expiresAt <= now) stream.end("its credential expired");
  }

  /** Those too that open from now on. */
  endAll(why: string): void {
    this.#over = why;
    for (const stream of this.#streams) stream.end(why);
  }

  /** Sessions with something open: they are not idle, however quiet it is. */
  sessions(): Set<string> {
    return new Set([...this.#streams].map(({ sessionId }) => sessionId));
  }

  /** Ends what stands on an approval that stands no more. A failed question ends it as well. */
  async endRevoked(stands: (approval: string) => Promise<boolean>): Promise<void> {
    const approvals = new Set([...this.#streams].map(({ approval }) => approval));
    for (const name of approvals) {
      if (name === undefined || (await stands(name).catch(() => false))) continue;
      for (const stream of this.#streams) if (stream.approval === name) stream.end("its approval was revoked");
    }
  }

  /** Decides every stream again; one whose verdict changed, or cannot be had, ends. */
  async decideAgain(): Promise<void> {
    for (const stream of [...this.#streams]) await this.decideOne(stream);
  }

  /** One stream that cannot be decided ends, and keeps no other from being decided. */
  async decideOne(stream: OpenStream): Promise<void> {
    const allowed = await Promise.resolve()
      .then(() => stream.stillAllowed())
      .catch(() => false);
    if (!allowed) stream.end("the policy that opened it has changed");
  }
}
