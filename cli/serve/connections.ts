import type { Recorder } from "../../audit/event.ts";
import type { Clock } from "../../base/clock.ts";
import type { GatewayConfig, KubernetesConnectionConfig } from "../../base/config/gateway.ts";
import type { Log } from "../../base/log.ts";
import type { Connection } from "../../proxy/connection.ts";
import { openCredential, readCa } from "../../proxy/credentials/credential.ts";
import { tokenFromFile } from "../../proxy/credentials/token-file.ts";
import { Reader } from "../../proxy/gather/reader.ts";
import type { ModelConnection } from "../../proxy/model/connection.ts";
import { openPool } from "../../proxy/upstream.ts";

interface ConnectionDeps {
  recorder: Recorder;
  clock: Clock;
  log: Log;
}

/** Opens every Kubernetes connection of the configuration. Throws a ConfigError where a credential cannot be read. */
export function openConnections(config: GatewayConfig, deps: ConnectionDeps): Map<string, Connection> {
  const connections = new Map<string, Connection>();
  for (const connection of config.connections) {
    if (connection.kind === "kubernetes") connections.set(connection.name, open(connection, deps));
  }
  return connections;
}

function open(config: KubernetesConnectionConfig, { recorder, clock, log }: ConnectionDeps): Connection {
  const credential = openCredential(config, {
    log,
    clock,
    onCall: (call) =>
      recorder.record({
        kind: "gather",
        session_id: call.sessionId ?? "gateway",
        at_ms: call.at,
        exchange_id: call.exchangeId,
        connection: config.name,
        verb: call.verb,
        path: call.path,
        status: call.status,
        duration_us: call.durationUs,
        payload: { purpose: "credential", as: "gateway", forwarded: call.status !== 0 },
      }),
  });
  const { origin, pathname } = new URL(credential.server);
  const pool = openPool(origin, credential.tls);
  const same = credential.own.tls === credential.tls;
  return {
    name: config.name,
    config,
    labels: config.labels,
    credential,
    prefix: pathname.replace(/\/+$/, ""),
    pool,
    ownPool: same ? pool : openPool(origin, credential.own.tls),
    reader: new Reader(clock),
  };
}

/** Opens every model provider's connection. Throws a ConfigError where a key cannot be read. */
export function openModels(config: GatewayConfig, clock: Clock): Map<string, ModelConnection> {
  const models = new Map<string, ModelConnection>();
  for (const connection of config.connections) {
    if (connection.kind === "kubernetes") continue;
    const { name, kind, labels, server, caFile } = connection;
    const at = `connections['${name}']`;
    const { authorization } = tokenFromFile(connection.credential.keyFile, clock, `${at}.credential.keyFile`);
    const { origin, pathname } = new URL(server);
    models.set(name, {
      name,
      kind,
      labels,
      shared: new Set(connection.shared),
      prefix: pathname.replace(/\/+$/, ""),
      pool: openPool(origin, caFile === undefined ? {} : { ca: readCa(caFile, at) }),
      key: () => String(authorization()).replace(/^Bearer /, ""),
    });
  }
  return models;
}

export async function closeConnections(connections: ReadonlyMap<string, Connection>): Promise<void> {
  for (const { credential, pool, ownPool } of connections.values()) {
    await credential.close();
    await pool.destroy();
    if (ownPool !== pool) await ownPool.destroy();
  }
}
