import { malformed } from "../channels/malformed.ts";
import type { ChannelName, Direction, TunnelOptions } from "../channels/types.ts";

/** A browser behind a port-forward opens some hundreds of connections, of two streams each. */
const OPEN_LIMIT = 4096;
/** Streams that ended, and whose late data is still told by channel. */
const ENDED_LIMIT = 1024;

export interface SpdyStream {
  readonly id: number;
  readonly channel: ChannelName;
  readonly port?: number;
  readonly requestId?: number;
  replied: boolean;
  readonly finished: { up: boolean; down: boolean };
}

const EXEC_CHANNELS: readonly string[] = ["stdin", "stdout", "stderr", "error", "resize"] satisfies ChannelName[];
const FORWARD_CHANNELS: readonly string[] = ["data", "error"] satisfies ChannelName[];

/** The streams of one connection, as the client opened them. */
export class SpdyStreams {
  private readonly byId = new Map<number, SpdyStream>();
  private readonly ended = new Set<number>();
  private lastId = 0;
  private readonly subresource: TunnelOptions["subresource"];

  constructor(subresource: TunnelOptions["subresource"]) {
    this.subresource = subresource;
  }

  /** Throws Refusal where the id was used or the headers name no channel of this subresource. */
  open(id: number, headers: ReadonlyMap<string, string>): SpdyStream {
    // SPDY draft 3.1, section 2.3.2: the client's ids are odd and grow.
    if (id % 2 === 0 || id <= this.lastId) malformed(`SPDY stream ${id} was opened twice or out of its order`);
    if (this.byId.size - this.ended.size >= OPEN_LIMIT) malformed(`more than ${OPEN_LIMIT} SPDY streams are open`);
    this.lastId = id;
    const type = headers.get("streamtype") ?? "";
    const forward = this.subresource === "portforward";
    if (!(forward ? FORWARD_CHANNELS : EXEC_CHANNELS).includes(type))
      malformed("a SPDY stream has no type that is known");
    const channel = type as ChannelName;
    // The kubelet would go on with the last one (cri-streaming, waitForStreams).
    if (!forward && [...this.byId.values()].some((stream) => stream.channel === channel)) {
      malformed(`a second SPDY stream for ${channel} was opened`);
    }
    const stream: SpdyStream = {
      id,
      channel,
      replied: false,
      finished: { up: false, down: false },
      ...(forward ? forwarded(headers) : {}),
    };
    this.byId.set(id, stream);
    return stream;
  }

  /** The stream, also for a while after its end: what is on its way when the other side resets it still arrives. */
  find(id: number): SpdyStream | undefined {
    return this.byId.get(id);
  }

  /** Whether the client has ever opened it. */
  wasOpened(id: number): boolean {
    return id % 2 === 1 && id <= this.lastId;
  }

  finish(stream: SpdyStream, direction: Direction): void {
    stream.finished[direction] = true;
    if (stream.finished.up && stream.finished.down) this.end(stream);
  }

  /** Ended streams of exec are kept: there are five at most. Of port-forwards, the oldest are forgotten. */
  end(stream: SpdyStream): void {
    this.ended.add(stream.id);
    if (this.ended.size <= ENDED_LIMIT) return;
    const [oldest] = this.ended;
    if (oldest === undefined) return;
    this.ended.delete(oldest);
    this.byId.delete(oldest);
  }
}

function forwarded(headers: ReadonlyMap<string, string>): { port: number; requestId?: number } {
  const port = headers.get("port") ?? "";
  // strconv.ParseUint(port, 10, 16), and at least 1 (cri-streaming, httpStreamReceived).
  if (!/^[0-9]{1,8}$/.test(port) || Number(port) < 1 || Number(port) > 65535) malformed("a SPDY stream names no port");
  const requestId = headers.get("requestid");
  if (requestId === undefined) return { port: Number(port) };
  if (!/^[0-9]{1,9}$/.test(requestId)) malformed("the requestID of a SPDY stream is no number");
  return { port: Number(port), requestId: Number(requestId) };
}
