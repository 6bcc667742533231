import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** What a client may send before its tunnel stands. Real ones send nothing. */
const EARLY_LIMIT = 65_536;
/** What a client whose upgrade was refused may still send, and how long, before its socket is cut. */
const LINGER_MS = 1_000;

/** A client that asked for an upgrade: Node has left its socket to us, and reads no more HTTP from it. */
export interface UpgradeSocket {
  readonly socket: Duplex;
  /** What came before the tunnel stood; from now on the socket is the caller's to read. */
  take(): Buffer[];
}

/**
 * Makes a socket answerable as a request is, so that refusals and the API server's own answers have one renderer.
 * Whatever is answered on it but a 101 is its last word: the socket closes, and what a client pipelines behind the
 * upgrade is read by nobody (CVE-2018-1002105). Undefined where the socket cannot be answered on, and was cut.
 */
export function answerUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): { res: ServerResponse; client: UpgradeSocket } | undefined {
  // Node hands over a socket on which an earlier, pipelined request is not answered yet. Two answers would mix.
  if ((socket as { _httpMessage?: unknown })._httpMessage) {
    socket.destroy();
    return undefined;
  }
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
  // A client may have said all that it will say, and still wait for the answer.
  socket.allowHalfOpen = true;
  const early: Buffer[] = head.length > 0 ? [head] : [];
  let size = head.length;
  const onData = (chunk: Buffer): void => {
    early.push(chunk);
    size += chunk.length;
    if (size > EARLY_LIMIT) socket.pause();
  };
  // Nobody is left to hold a request for. Seen only by reading, which is why the socket is read from the start.
  const onEnd = (): void => void res.destroy();
  const onDrain = (): void => void res.emit("drain");
  const stop = (): void => void socket.off("data", onData).off("end", onEnd).off("drain", onDrain);
  socket.on("data", onData).on("end", onEnd).on("drain", onDrain);
  // Without a listener a reset connection would end the process; what is open on it learns by `close`.
  socket.on("error", () => {});
  res.once("finish", () => {
    stop();
    res.detachSocket(socket as Parameters<ServerResponse["detachSocket"]>[0]);
    socket.resume().end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
  return {
    res,
    client: {
      socket,
      take: () => {
        stop();
        return early.splice(0);
      },
    },
  };
}
