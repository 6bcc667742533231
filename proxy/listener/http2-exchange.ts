import { constants, Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from "node:http2";

/**
 * A request over HTTP/2 whose body fails when the client resets its stream. Node's own ends it as if it were whole,
 * and half of a body would go upstream as all of it.
 */
export class Request extends Http2ServerRequest {
  constructor(...args: ConstructorParameters<typeof Http2ServerRequest>) {
    super(...args);
    const [stream] = args;
    const cut = (): void => {
      if (!stream.endAfterHeaders && !this.readableEnded) this.destroy(new Error("the client reset the stream"));
    };
    stream.prependListener("aborted", cut);
    // Before Node's own listener, which says that the body has ended.
    stream.prependListener("close", cut);
  }

  /** As HTTP/1.1's: who does not listen for errors of the body is told by the response's `close`. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    done(this.listenerCount("error") > 0 ? error : null);
  }
}

/** A response over HTTP/2 that is cut as one over HTTP/1.1 is, and that ends what is left of its request. */
export class Response extends Http2ServerResponse<Request> {
  constructor(...args: ConstructorParameters<typeof Http2ServerResponse>) {
    super(...args);
    const [stream] = args;
    // RFC 9113 §8.1: the answer is whole, and what the client still sends is not read.
    stream.once("finish", () => {
      if (this.req.complete || stream.endAfterHeaders) return;
      setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    });
  }

  /** Node says `finish` of every stream that closes; an answer that the client did not wait for has not finished. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === "finish" && this.stream.aborted) return false;
    return super.emit(event as "error", ...(args as [Error]));
  }

  /**
   * Resets the stream with INTERNAL_ERROR, whether an error is given or not: clients take Node's NO_ERROR for the
   * clean end of an answer that was cut (hyper does, and Node's own).
   */
  override destroy(error: Error = new Error("the answer was cut")): this {
    super.destroy(error);
    return this;
  }
}

// Node's object is no Writable at run time. These are what its type promises, and what they mean over HTTP/1.1: Node
// ends the writable side of a stream that the client resets, which is not to have finished.
Object.defineProperties(Response.prototype, {
  destroyed: { get: of((stream) => stream.destroyed) },
  closed: { get: of((stream) => stream.closed) },
  writableFinished: { get: of((stream) => stream.writableFinished && !stream.aborted) },
});

function of(read: (stream: ServerHttp2Stream) => boolean): (this: Response) => boolean {
  return function (this: Response): boolean {
    return read(this.stream);
  };
}
