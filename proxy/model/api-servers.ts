import type { ModelDeps } from "./deps.ts";

const known = new WeakMap<object, readonly string[]>();
/** What else may listen there has the same name. */
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * Where the API servers of the connections answer, as a command would write it: a host, on loopback with its port, and the
 * paths at which the gateway itself stands before them.
 */
export function apiServers({ connections, url }: Pick<ModelDeps, "connections" | "url">): readonly string[] {
  const before = known.get(connections);
  if (before !== undefined) return before;
  const own = new URL(url).host;
  const all = [...connections.values()].flatMap(({ name, credential }) => {
    const { hostname, protocol, port } = new URL(credential.server);
    const said = port === "" ? (protocol === "http:" ? "80" : "443") : port;
    return [LOOPBACK.test(hostname) ? `${hostname}:${said}` : hostname, `${own}/connections/${name}`];
  });
  known.set(connections, all);
  return all;
}
