import { writeSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { parentPort, Worker } from "node:worker_threads";
import type { FromWorker, ToWorker } from "../../audit/recorder/messages.ts";

/**
 * What a gateway's own threads did, as lines of JSON in a file for each thread: whoever reads them after a kill knows
 * how far each thread had come, and needs no guess of how long a busy disk may take (witnessed.ts).
 */
export type Line =
  /** The thread's loop has come round: all that was there for it before the line above has been taken. */
  | { alive: true; at: number }
  /** The whole answer to this exchange was given to Node. */
  | { answered: string; at: number }
  /** The recorder's thread was handed the outcomes of these exchanges. */
  | { handed: string[]; batch: number; at: number }
  /** All batches up to this one last. */
  | { synced: number; at: number }
  /** Why nothing reaches the disk; "" where it does again. */
  | { failing: string; at: number };

const TURN_MS = 10;

/** Before its own clock is touched. */
const { now } = Date;
const clock = (): number => now();

function writer(fd: number): (line: Line) => void {
  return (line) => void writeSync(fd, `${JSON.stringify(line)}\n`);
}

/** The check phase comes after the loop has polled, and so after each message that was there. */
function tellTurns(say: (line: Line) => void): void {
  setInterval(() => setImmediate(() => say({ alive: true, at: clock() })).unref(), TURN_MS).unref();
}

/** What the two protocols' responses have alike. */
interface Response {
  writeHead(...args: unknown[]): unknown;
  end(...args: unknown[]): unknown;
}

/** Told before the end of the answer goes out: nobody has all of it earlier. */
function tellAnswers(response: object, say: (line: Line) => void): void {
  const prototype = response as Response;
  const { end, writeHead } = prototype;
  const ids = new WeakMap<object, string>();
  prototype.writeHead = function (this: object, ...args) {
    const headers = args.at(-1) as Record<string, unknown> | undefined;
    if (typeof headers?.["audit-id"] === "string") ids.set(this, headers["audit-id"]);
    return Reflect.apply(writeHead, this, args);
  };
  prototype.end = function (this: object, ...args) {
    const id = ids.get(this);
    if (id !== undefined) say({ answered: id, at: clock() });
    return Reflect.apply(end, this, args);
  };
}

/** In the gateway's own thread. */
export function watchAnswers(fd: number): void {
  const say = writer(fd);
  tellTurns(say);
  for (const response of [http.ServerResponse, http2.Http2ServerResponse]) tellAnswers(response.prototype, say);
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, ...args: Parameters<typeof postMessage>) {
    const [message] = args as [ToWorker];
    if (message.type === "events" && message.drafts.includes('"request.outcome"')) {
      const drafts = JSON.parse(message.drafts) as { kind?: string; exchange_id?: string }[];
      const handed = drafts.flatMap(({ kind, exchange_id = "" }) => (kind === "request.outcome" ? [exchange_id] : []));
      say({ handed, batch: message.batch, at: clock() });
    }
    return Reflect.apply(postMessage, this, args) as undefined;
  };
}

/** In the recorder's thread. */
export function watchSyncs(fd: number): void {
  const say = writer(fd);
  tellTurns(say);
  const port = parentPort;
  if (port === null) return;
  const post = port.postMessage.bind(port);
  port.postMessage = (message: FromWorker) => {
    if (message.type === "synced") say({ synced: message.batch, at: clock() });
    if (message.type === "failing") say({ failing: message.reason ?? "", at: clock() });
    post(message);
  };
}
