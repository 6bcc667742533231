import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { Dispatcher, type Pool } from "undici";
import { type Cluster, isDryRun, type StoredObject, serveObjects } from "../../gateway/cluster.ts";
import type { Seen, StubUpstream } from "../../gateway/rig.ts";
import type { Process, Turns } from "./turns.ts";

/** A write that the upstream applied: who it was of, and what it did. */
export interface Applied {
  /** The client's request, by its User-Agent. */
  request: string;
  path: string;
  before: StoredObject | undefined;
  after: StoredObject;
}

/** What becomes of the next real write. */
export type Fault = "refused" | "conflict" | "invalid" | "lost before" | "lost after";

const SERVER = "http://upstream.invalid";
const ERRORS = { refused: "ECONNREFUSED", "lost before": "ECONNRESET", "lost after": "ECONNRESET" } as const;

/** A small object store behind a connection that may fail: the API server of all gateways. */
export class Upstream {
  readonly cluster: Cluster;
  readonly #stub: StubUpstream;
  fault: Fault | undefined;
  /** Called when a write was applied, at that very moment. */
  onApplied: (applied: Applied) => void = () => {};
  /** Called when a create has arrived that was not applied: it was forwarded all the same. */
  onRefused: (request: string, object: StoredObject) => void = () => {};

  constructor() {
    this.#stub = { server: SERVER, caFile: "", seen: [], answer: () => {}, close: async () => {} };
    this.cluster = serveObjects(this.#stub);
  }

  /** The pool of one gateway's connections to it. Each request waits for its turn, and so does its answer. */
  pool(turns: Turns, process: Process): Pool {
    return new Wire(this, turns, process) as unknown as Pool;
  }

  /** Takes a request; throws what undici would where the connection fails. */
  take(seen: Seen): { status: number; body: string } {
    const real = seen.method !== "GET" && !isDryRun(seen);
    const fault = real ? this.fault : undefined;
    if (real) this.fault = undefined;
    if (fault === "refused" || fault === "lost before") throw failure(fault);
    this.cluster.onWrite = () => (fault === "conflict" ? 409 : fault === "invalid" ? 422 : undefined);
    const before = new Map(this.cluster.objects);
    const answer = { status: 0, body: "" };
    const res = {
      writeHead: (status: number) => {
        answer.status = status;
      },
      end: (body: string) => {
        answer.body = body;
      },
    };
    this.#stub.answer(seen, res as unknown as ServerResponse);
    if (real) this.#tell(seen, before);
    if (fault === "lost after") throw failure(fault);
    return answer;
  }

  #tell(seen: Seen, before: ReadonlyMap<string, StoredObject>): void {
    const request = seen.headers["user-agent"] ?? "";
    const changed = [...this.cluster.objects].filter(([path, after]) => before.get(path) !== after);
    for (const [path, after] of changed) this.onApplied({ request, path, before: before.get(path), after });
    if (changed.length === 0 && seen.method === "POST") {
      this.onRefused(request, JSON.parse(seen.body) as StoredObject);
    }
  }
}

function failure(fault: keyof typeof ERRORS): Error {
  return Object.assign(new Error(ERRORS[fault]), { code: ERRORS[fault] });
}

class Wire extends Dispatcher {
  readonly #upstream: Upstream;
  readonly #turns: Turns;
  readonly #process: Process;

  constructor(upstream: Upstream, turns: Turns, process: Process) {
    super();
    this.#upstream = upstream;
    this.#turns = turns;
    this.#process = process;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { method, path } = options;
    const headers = headersOf(options.headers as string[]);
    const body = options.body === null || options.body === undefined ? "" : Buffer.from(options.body as Uint8Array);
    const seen: Seen = { method, url: path, rawHeaders: [], headers, body: body.toString() };
    const controller = { abort() {}, pause() {}, resume() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    this.#turns
      .call(this.#process, `${method} ${path}`, () => this.#upstream.take(seen))
      .then(
        (answer) => {
          handler.onResponseStart?.(controller, answer.status, { "content-type": "application/json" }, "");
          handler.onResponseData?.(controller, Buffer.from(answer.body));
          handler.onResponseEnd?.(controller, {});
        },
        (error: Error) => handler.onResponseError?.(controller, error),
      );
    return true;
  }
}

function headersOf(flat: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  for (let i = 0; i < flat.length; i += 2) headers[(flat[i] ?? "").toLowerCase()] = flat[i + 1];
  return headers;
}
