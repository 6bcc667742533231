import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Refusal, type RefusalCode, type RefusalDetails } from "../base/errors.ts";
import { uuid7 } from "../base/uuid7.ts";
import type { Deps } from "./deps.ts";
import { nowMs, turnedAwayEvent } from "./events.ts";
import type { Known } from "./exchange.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import { dialectOf } from "./model/exchange.ts";
import { renderModelRefusal } from "./model/render-refusal.ts";
import { runModel } from "./model/run.ts";
import { dataPath } from "./path.ts";
import { renderRefusal } from "./render-refusal.ts";
import { isRouted, route } from "./route.ts";
import { run } from "./run.ts";
import { answerUpgrade, type UpgradeSocket } from "./tunnel/upgrade-socket.ts";

/** What the steps will add. An object that has all its fields from the start keeps its shape, and is cheaper to read. */
const NOTHING_KNOWN: Partial<Known> = {
  cut: undefined,
  unlock: undefined,
  leave: undefined,
  room: undefined,
  identity: undefined,
  session: undefined,
  attributes: undefined,
  upgrade: undefined,
  input: undefined,
  policy: undefined,
  needs: undefined,
  verdict: undefined,
  body: undefined,
  facts: undefined,
  decision: undefined,
  masker: undefined,
  use: undefined,
  intentRecorded: undefined,
  response: undefined,
  render: undefined,
  maskedFields: undefined,
  responseBytes: undefined,
  responseContent: undefined,
  openContent: undefined,
  recordedPart: undefined,
};

/** The data path as Node's HTTP server sees it. */
export interface DataPlane {
  /** Whether a request target is the data path's, or no path at all: everything else goes to the control API's router. */
  serves(target: string): boolean;
  handle(req: HttpRequest, res: HttpResponse): void;
  /** The same for a request with an Upgrade header, whose socket Node has given up; `head` came behind it. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Refuses what comes from now on, ends open streams, lets holds answer, and resolves when none is left or time is up. */
  drain(timeoutMs: number): Promise<void>;
  readonly inFlight: number;
  /** Answers so far, by connection and status. */
  readonly answers: ReadonlyMap<string, { connection: string; status: number; count: number }>;
}

export function createProxy(deps: Deps): DataPlane {
  const open = new Set<AbortController>();
  const answers = new Map<string, { connection: string; status: number; count: number }>();
  let draining = false;
  let idle = (): void => {};

  function handle(req: HttpRequest, res: HttpResponse, client?: UpgradeSocket): void {
    const id = uuid7();
    const url = req.url ?? "";
    const { connection, model, target } = route(url, deps.connections, deps.models);
    // A client that resets its connection while it is answered is no reason for the process to end.
    res.on("error", (error) => deps.log.debug("an answer could not be written", { exchange: id, error }));
    const turnAway = (code: RefusalCode, message: string, details: RefusalDetails): void => {
      const refusal = new Refusal(code, message, details);
      deps.refusals.record(turnedAwayEvent(req, id, refusal));
      if (model === undefined) renderRefusal(res, refusal, id, []);
      else renderModelRefusal(res, dialectOf({ connection: model }), refusal, id);
    };
    if (draining) {
      turnAway("draining", "the gateway is shutting down", { next: "Try again.", retryAfterSeconds: 1 });
      return;
    }
    if (!url.startsWith("/")) {
      // Absolute form: Node keeps the host in req.url, and an upstream would serve it (RFC 9112 §3.2.2).
      turnAway("bad-target", "the request target must be a path", {});
      return;
    }
    const gone = new AbortController();
    res.once("close", () => {
      if (!res.writableFinished) gone.abort();
    });
    const { signal } = gone;
    const sourceIP = req.socket.remoteAddress ?? "";
    if (model !== undefined) {
      if (client !== undefined) {
        turnAway("upgrade-refused", "a model provider's connection does not switch protocols", {});
        return;
      }
      const asked = { id, startedAt: nowMs(), req, res, signal, connection: model, target, sourceIP };
      follow(gone, model.name, res, runModel(asked, deps));
      return;
    }
    const exchange: Known = {
      ...NOTHING_KNOWN,
      id,
      firstId: id,
      startedAt: nowMs(),
      req,
      res,
      signal,
      connection,
      target,
      sourceIP,
      warnings: [],
      retries: 0,
      client,
    };
    follow(gone, connection?.name, res, run(dataPath, exchange, deps));
  }

  /** Until it is over it counts as open, and its answer among the connection's. */
  function follow(gone: AbortController, name: string | undefined, res: HttpResponse, over: Promise<void>): void {
    open.add(gone);
    over
      .catch((error: unknown) => {
        // Refusing itself failed: there is nobody left to say it to but the log.
        deps.log.error("an exchange could not be refused", { path: res.req.url, error });
        res.destroy();
      })
      .finally(() => {
        open.delete(gone);
        if (name !== undefined) count(name, res.statusCode);
        if (open.size === 0) idle();
      });
  }

  function count(connection: string, status: number): void {
    const key = `${connection} ${status}`;
    const known = answers.get(key);
    if (known === undefined) answers.set(key, { connection, status, count: 1 });
    else known.count++;
  }

  async function drain(timeoutMs: number): Promise<void> {
    draining = true;
    deps.openStreams.endAll("the gateway is shutting down");
    deps.holdBudget.endAll();
    if (open.size === 0) return;
    const late = Promise.withResolvers<void>();
    idle = late.resolve;
    const timer = setTimeout(() => {
      for (const controller of open) controller.abort();
      late.resolve();
    }, timeoutMs);
    await late.promise;
    clearTimeout(timer);
  }

  return {
    serves: (target) => isRouted(target, deps.connections),
    handle: (req, res) => handle(req, res),
    upgrade: (req, socket, head) => {
      const answerable = answerUpgrade(req, socket, head);
      if (answerable !== undefined) handle(req, answerable.res, answerable.client);
    },
    drain,
    answers,
    get inFlight() {
      return open.size;
    },
  };
}
