import type { Connection } from "./connection.ts";
import type { ModelConnection } from "./model/connection.ts";

const PREFIX = "/connections/";
/** What an API server has at its root, and the control API has not. */
const API_PATH = /^\/(?:apis?|version|healthz|livez|readyz|metrics|openapi\/v[23])(?:[/?]|$)/;

/** Where a request goes: path and query below its connection, or all of the target where there is no such connection. */
export interface Route {
  connection: Connection | undefined;
  /** Where the connection is a model provider's. */
  model?: ModelConnection;
  target: string;
}

/**
 * Takes `/connections/{name}` off a request's target. A path of the API server without it is the only connection's,
 * where there is one only: `kubectl get --raw /api/…` of 1.27 to 1.33 leaves out the path of the kubeconfig's server
 * [measured].
 */
export function route(
  url: string,
  connections: ReadonlyMap<string, Connection>,
  models?: ReadonlyMap<string, ModelConnection>,
): Route {
  if (!url.startsWith(PREFIX)) {
    const connection = isApiPath(url, connections) ? connections.values().next().value : undefined;
    return { connection, target: url };
  }
  const slash = url.indexOf("/", PREFIX.length);
  const query = url.indexOf("?", PREFIX.length);
  const nameEnd = slash === -1 || (query !== -1 && query < slash) ? (query === -1 ? url.length : query) : slash;
  const name = url.slice(PREFIX.length, nameEnd);
  const rest = url.slice(nameEnd);
  const below = rest.startsWith("/") ? rest : `/${rest}`;
  const model = models?.get(name);
  if (model !== undefined) return { connection: undefined, model, target: below };
  const connection = connections.get(name);
  return { connection, target: connection === undefined ? url : below };
}

/** Whether a target is the data path's, or no path at all. */
export function isRouted(url: string, connections: ReadonlyMap<string, Connection>): boolean {
  return url.startsWith(PREFIX) || !url.startsWith("/") || isApiPath(url, connections);
}

function isApiPath(url: string, connections: ReadonlyMap<string, Connection>): boolean {
  return connections.size === 1 && API_PATH.test(url);
}
