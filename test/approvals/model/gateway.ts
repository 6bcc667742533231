import type { ApprovalHome } from "../../../approvals/types.ts";
import type { EventDraft, Recorder } from "../../../audit/event.ts";
import type { Clock } from "../../../base/clock.ts";
import { silentLog } from "../../../base/log.ts";
import type { Policy } from "../../../engine/decision.ts";
import { SessionValues } from "../../../engine/mask/session-values.ts";
import type { Authenticated } from "../../../identity/types.ts";
import type { Connection } from "../../../proxy/connection.ts";
import { Reader } from "../../../proxy/gather/reader.ts";
import { createProxy, type DataPlane } from "../../../proxy/handler.ts";
import { HoldBudget } from "../../../proxy/hold/hold-budget.ts";
import { SecondAttempts } from "../../../proxy/hold/second-attempts.ts";
import { SharedAsks } from "../../../proxy/hold/shared-asks.ts";
import { Budgets } from "../../../proxy/model/budgets.ts";
import { Dialogues } from "../../../proxy/model/dialogues.ts";
import { KeptByProviders } from "../../../proxy/model/kept.ts";
import { Thoughts } from "../../../proxy/model/thoughts.ts";
import { ObjectLocks } from "../../../proxy/object-locks.ts";
import { OpenSessions } from "../../../proxy/open-sessions.ts";
import { OpenStreams } from "../../../proxy/open-streams.ts";
import { Refusals } from "../../../proxy/refusals.ts";
import { StreamRoom } from "../../../proxy/tunnel/stream-room.ts";
import { UnderWay } from "../../../proxy/under-way.ts";
import { type Answer, requestOf, responseTo } from "./http.ts";
import type { Process, Turns } from "./turns.ts";
import type { Upstream } from "./upstream.ts";

/** What one gateway of the model stands on. */
export interface GatewayParts {
  process: Process;
  home: ApprovalHome;
  policy: Policy;
  upstream: Upstream;
  turns: Turns;
  time: Clock;
}

export interface ClientRequest {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: object;
}

const HMAC_KEY = Buffer.alloc(32, 7);

/** The data path as it serves, on a home of its own; only the sockets, the record's disk and the log-in are not there. */
export class ModelGateway {
  readonly process: Process;
  readonly home: ApprovalHome;
  readonly #proxy: DataPlane;
  readonly #crashed = Promise.withResolvers<Answer>();

  constructor(parts: GatewayParts) {
    this.process = parts.process;
    this.home = parts.home;
    this.#proxy = createProxy({
      authenticator: { authenticate: () => agent(parts.time) },
      policy: { current: parts.policy },
      approvals: parts.home,
      ...recording(parts),
      connections: new Map([["local", connectionTo(parts)]]),
      models: new Map(),
      dialogues: new Dialogues(),
      kept: new KeptByProviders(),
      thoughts: new Thoughts(),
      budgets: new Budgets(
        { prices: {}, limits: [] },
        { folder: "", hmacKey: HMAC_KEY, sessionMs: 0, clock: parts.time, log: silentLog },
      ),
      hmacKey: HMAC_KEY,
      url: "https://sallyport.test",
      limits: { bodyBytes: 1_048_576, modelBodyBytes: 1_048_576 },
      holdBudget: new HoldBudget(parts.time),
      objectLocks: new ObjectLocks(),
      openSessions: new OpenSessions(parts.time),
      openStreams: new OpenStreams(),
      underWay: new UnderWay({ requests: 1_000, identityBytes: 2 ** 27, bytes: 2 ** 29 }),
      knownValues: new SessionValues(),
      recordValues: new SessionValues(),
      streamRoom: new StreamRoom(),
      secondAttempts: new SecondAttempts(parts.time),
      sharedAsks: new SharedAsks(),
      clock: parts.time,
      log: silentLog,
    });
  }

  /** Sends a request; `leave` is its client going away. */
  send(request: ClientRequest): { answered: Promise<Answer>; leave: () => void } {
    const headers = { authorization: "Bearer agent", accept: "application/json", ...request.headers };
    const req = requestOf(request.method, `/connections/local${request.path}`, headers, request.body);
    const { res, answered } = responseTo(req);
    this.#proxy.handle(req, res);
    return { answered: Promise.race([answered, this.#crashed.promise]), leave: () => void res.destroy() };
  }

  /** Ends as `kill -9` does: what it has begun goes no further, and its connections break. */
  crash(): void {
    this.process.dead = true;
    this.#crashed.resolve({ status: 0, text: "" });
    // Its timers would go on in this process; nothing else of it does.
    this.home.close().catch(() => undefined);
  }

  /** Ends as it is asked to. */
  async stop(): Promise<void> {
    await this.#proxy.drain(15_000);
    await this.home.close();
    this.process.dead = true;
    this.#crashed.resolve({ status: 0, text: "" });
  }
}

function recording({ turns, process }: GatewayParts): { recorder: Recorder; refusals: Refusals } {
  const recorder: Recorder = {
    record() {},
    // A crash may fall between the intent and what it announces.
    recordPart: async () => {},
    recordDurably: ({ kind }: EventDraft) => turns.call(process, kind, () => {}),
    failure: () => undefined,
    flush: async () => {},
    close: async () => {},
  };
  return { recorder, refusals: new Refusals(recorder) };
}

function connectionTo({ upstream, turns, process, time }: GatewayParts): Connection {
  const pool = upstream.pool(turns, process);
  const account = { tls: {}, authorization: () => "Bearer gateway", invalidate() {} };
  return {
    name: "local",
    config: {
      name: "local",
      kind: "kubernetes",
      labels: {},
      server: "https://upstream.invalid",
      credential: { tokenFile: "token" },
      impersonate: true,
    },
    labels: {},
    prefix: "",
    pool,
    ownPool: pool,
    reader: new Reader(time),
    credential: {
      ...account,
      server: "https://upstream.invalid",
      own: account,
      endSession: async () => {},
      describe: () => "the model's",
      close: async () => {},
    },
  };
}

function agent(time: Clock): Authenticated {
  const startedAt = time.now();
  return {
    identity: {
      issuer: "corp",
      username: "corp:agent-alice",
      uid: "agent-alice",
      groups: ["corp:devs"],
      roles: [],
      extra: {},
      audience: "data",
      hasActor: false,
      expiresAt: startedAt + 86_400_000,
    },
    session: {
      id: "s-1",
      startedAt,
      limitAt: startedAt + 86_400_000,
      agent: "claude-code",
      reason: "the model",
      owner: { issuer: "corp", username: "corp:alice@example.com" },
      labels: {},
      source: "session-token",
    },
  };
}
