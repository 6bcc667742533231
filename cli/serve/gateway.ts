import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Recorder } from "../../audit/event.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { systemClock } from "../../base/clock.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { DEFAULT_EXCEPTION_LIMITS, type ExceptionLimits } from "../../base/config/guardrails.ts";
import { UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { openAdmin } from "../../console/admin.ts";
import { createConsole } from "../../console/console.ts";
import { SessionValues } from "../../engine/mask/session-values.ts";
import { sharedWorker } from "../../engine/wasm/evaluation-worker.ts";
import { createAuthenticator } from "../../identity/authenticator.ts";
import { createEndedSessions } from "../../identity/ended-sessions.ts";
import { loadHmacKeys, loadSessionKeys } from "../../identity/keys-file.ts";
import type { Deps } from "../../proxy/deps.ts";
import { createProxy } from "../../proxy/handler.ts";
import { HoldBudget } from "../../proxy/hold/hold-budget.ts";
import { SecondAttempts } from "../../proxy/hold/second-attempts.ts";
import { SharedAsks } from "../../proxy/hold/shared-asks.ts";
import type { HttpRequest, HttpResponse } from "../../proxy/http.ts";
import { listen } from "../../proxy/listener/listener.ts";
import { Budgets } from "../../proxy/model/budgets.ts";
import { Dialogues } from "../../proxy/model/dialogues.ts";
import { KeptByProviders } from "../../proxy/model/kept.ts";
import { Thoughts } from "../../proxy/model/thoughts.ts";
import { ObjectLocks } from "../../proxy/object-locks.ts";
import { OpenSessions } from "../../proxy/open-sessions.ts";
import { OpenStreams } from "../../proxy/open-streams.ts";
import { Refusals } from "../../proxy/refusals.ts";
import { StreamRoom } from "../../proxy/tunnel/stream-room.ts";
import { UnderWay } from "../../proxy/under-way.ts";
import { withholding } from "../../proxy/withhold/withholding-recorder.ts";
import { renderApprovalMetrics } from "./approval-metrics.ts";
import { openApprovals, webhookSecretOf } from "./approvals.ts";
import { closeConnections, openConnections, openModels } from "./connections.ts";
import { renderEvidenceMetrics } from "./evidence-metrics.ts";
import { packSigner, rowRevealer, settleRecord } from "./evidence-packs.ts";
import { explainer } from "./explain.ts";
import { KillRetries } from "./kill-retries.ts";
import { renderMetrics } from "./metrics.ts";
import { recordMissing } from "./missing-events.ts";
import { renderModelMetrics } from "./model-metrics.ts";
import { openPeers } from "./peers.ts";
import { personalRecord } from "./personal.ts";
import { openPolicy } from "./policy.ts";
import { openReadersHttp } from "./readers-http.ts";
import { watchSessions } from "./sessions.ts";
import { openShadow } from "./shadow.ts";
import { tellPeople } from "./tell-people.ts";
import { watchApprovals } from "./watch-approvals.ts";

/** A gateway that serves. */
export interface Gateway {
  /** `listen.url` of the configuration. */
  url: string;
  port: number;
  adminPort: number;
  /** Drains: refuses what comes, ends streams, lets holds answer, and flushes the record. */
  close(): Promise<void>;
}

const DRAIN_MS = 15_000;
const SHIP_MS = 10_000;
const SHIP_RETRY_MS = 200;

/**
 * Opens every room of the gateway in the order in which they need each other, and closes them in the other one.
 * The recorder is first and last: what the others do while they start and end is on record too.
 */
export async function openGateway(
  config: GatewayConfig,
  options: { log: Log; opa?: string; expiryFirstMs?: number | undefined },
): Promise<Gateway> {
  const { log } = options;
  const clock = systemClock;
  const opened: (() => Promise<unknown> | unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    const hmacKeys = loadHmacKeys(config.keys.hmacFile);
    const [hmacKey] = hmacKeys;
    if (hmacKey === undefined) throw new UserError("keys.hmacFile names no file", { exitCode: 2 });
    const sessionKeys = await loadSessionKeys(config.keys.sessionFile);

    const knownValues = new SessionValues();
    const recordValues = new SessionValues();
    const [checkpointKey, ...formerKeys] = config.keys.checkpointFile ?? [];
    const { tenant, audit } = config;
    const { expiryFirstMs } = options;
    const recording = await openRecorder({ tenant, checkpointKey, formerKeys, ...audit, expiryFirstMs, log, clock });
    const personal = personalRecord(config, recording);
    const recorder = withholding(personal, [knownValues, recordValues]);
    opened.push(() => closeRecorder(recorder, log));
    opened.push(await openReadersHttp(config, { recorder, reader: recording, log }));
    const policy = await openPolicy(config, {
      recorder,
      log,
      ...(options.opa === undefined ? {} : { opa: options.opa }),
    });
    opened.push(() => sharedWorker().close());
    opened.push(() => policy.close());
    const shadow = openShadow(config, policy, { log, opa: options.opa });
    if (shadow !== undefined) opened.push(() => shadow.close());
    const authenticator = createAuthenticator({
      config,
      sessionKeys,
      hmacKeys,
      clock,
      log,
      // Beside the record: a restart must not reopen what was ended.
      ended: createEndedSessions(clock, join(config.audit.spool.path, "ended-sessions")),
    });
    opened.push(() => authenticator.close());
    const exceptionLimits = (): ExceptionLimits => policy.holder.current.exceptionLimits ?? DEFAULT_EXCEPTION_LIMITS;
    const approvals = await openApprovals(config, {
      hmacKeys,
      exceptionLimits,
      about: (rule) => policy.holder.current.about?.(rule),
      log,
    });
    opened.push(() => approvals.close());
    const peers = openPeers(config.peers, { hmacKey, clock, log });
    opened.push(() => peers.close());
    const watched = watchApprovals(approvals, { recorder, peers, url: config.listen.url, log });
    opened.push(() => watched.stop());
    opened.push(recordMissing(approvals, { recorder, tenant, url: config.listen.url, clock, log }));
    const people = tellPeople(config, approvals, { clock, log });
    opened.push(() => people.close());
    const connections = openConnections(config, { recorder, clock, log });
    opened.push(() => closeConnections(connections));
    const models = openModels(config, clock);
    opened.push(() => Promise.all([...models.values()].map(({ pool }) => pool.destroy())));

    const budgets = new Budgets(config.budgets, {
      // Beside the record, as what was ended.
      folder: join(audit.spool.path, "model-usage"),
      hmacKey,
      sessionMs: config.sessions.limitSeconds * 1000,
      clock,
      log,
    });
    opened.push(() => budgets.close());

    const refusals = new Refusals(recorder);
    opened.push(() => refusals.close());
    const deps: Deps = {
      authenticator,
      policy: policy.holder,
      approvals,
      recorder,
      refusals,
      connections,
      models,
      dialogues: new Dialogues(),
      kept: new KeptByProviders(),
      thoughts: new Thoughts(),
      budgets,
      hmacKey,
      url: config.listen.url,
      limits: config.limits,
      holdBudget: new HoldBudget(clock),
      objectLocks: new ObjectLocks(),
      openSessions: new OpenSessions(clock),
      openStreams: new OpenStreams(),
      underWay: new UnderWay({
        requests: config.limits.requestsPerIdentity,
        identityBytes: config.limits.bodyBytesPerIdentity,
        bytes: config.limits.bodyBytesInAll,
      }),
      knownValues,
      recordValues,
      streamRoom: new StreamRoom(),
      secondAttempts: new SecondAttempts(clock),
      sharedAsks: new SharedAsks(),
      held: (approval) => people.held(approval),
      shadow: shadow?.shadow,
      clock,
      log,
    };
    const { idleSeconds } = config.sessions;
    const sessions = watchSessions(deps, { authenticator, policy: policy.holder, idleSeconds });
    opened.push(() => sessions.stop());
    const killRetries = new KillRetries(approvals, { clock, log });
    opened.push(() => killRetries.close());
    const proxy = createProxy(deps);
    const draining = new AbortController();
    const console = await createConsole({
      authenticator,
      approvals,
      recorder,
      reader: recorder,
      policy: policy.holder,
      explain: explainer(deps),
      exceptionLimits,
      sessions: {
        kill: (kill) => sessions.kill(kill),
        retryKill: (kill) => killRetries.add(kill),
        usersOf: (id) => deps.openSessions.usersOf(id),
      },
      peers,
      webhookSecret: webhookSecretOf(config),
      hmacKeys,
      config,
      draining: draining.signal,
      packSigner: packSigner(config),
      reveal: rowRevealer(config),
      settleRecord: settleRecord(recording),
      clock,
      log,
    });
    opened.push(() => console.close());
    const admin = await openAdmin({
      address: config.admin.address,
      health: () => recorder.failure(),
      metrics: async () =>
        [
          renderMetrics({ proxy, streams: deps.openStreams, recorder, policy: policy.holder, shadow: shadow?.shadow }),
          renderModelMetrics(budgets.metrics),
          renderEvidenceMetrics(recording.evidence()),
          await renderApprovalMetrics(approvals, watched.counts, people.givenUp()),
        ].join(""),
      log,
    });
    opened.push(() => admin.close());
    const handler = (req: HttpRequest, res: HttpResponse): void => {
      if (proxy.serves(req.url ?? "")) proxy.handle(req, res);
      // fastify serves HTTP/2 by the same objects, and types a server by the one kind that it makes itself.
      else console.routing(req as IncomingMessage, res as unknown as ServerResponse);
    };
    const listener = await listen({ ...config.listen, handler, upgrade: proxy.upgrade, log });
    opened.push(() => listener.close());
    opened.push(() => proxy.drain(DRAIN_MS));
    opened.push(() => draining.abort());
    return { url: config.listen.url, port: listener.port, adminPort: admin.port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * What is spooled is on disk already; the store gets a moment to take it, so that a reader finds it. A spool that is
 * full has room again as soon as the store has taken some of it, so its refusal is not the last word before then.
 */
async function closeRecorder(recorder: Recorder, log: Log): Promise<void> {
  const deadline = Date.now() + SHIP_MS;
  const late = new Promise<void>((resolve) => setTimeout(resolve, SHIP_MS).unref());
  for (;;) {
    try {
      await Promise.race([recorder.flush({ toStore: true }), late]);
      break;
    } catch (error) {
      if (Date.now() >= deadline) {
        log.warn("the store did not take everything; what is left is shipped at the next start", { error });
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, SHIP_RETRY_MS));
    }
  }
  await recorder.close();
}
