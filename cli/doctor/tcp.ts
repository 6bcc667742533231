import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { connect, isIP, type Socket } from "node:net";

/** open: something accepted the connection; refused: the address answers, and nothing listens; silent: no answer in time. */
export type Reached = "open" | "refused" | "silent" | "unresolved";

const DEADLINE_MS = 1500;

/**
 * Whether a TCP connection comes about within 1.5 s, names resolved. c-ares is asked in place of the system's resolver,
 * which nobody can stop: where DNS is cut off it would hold this process for ten seconds a name.
 */
export async function reachTcp(host: string, port: number): Promise<Reached> {
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  const reached = await Promise.all(addresses.map((address) => dial(address, port)));
  return (["open", "refused", "silent"] as const).find((one) => reached.includes(one)) ?? "unresolved";
}

/** c-ares does not read the hosts file, in which `hostAliases` of a pod are. */
async function resolve(name: string): Promise<string[]> {
  const listed = hostsFile().filter(([, ...names]) => names.includes(name));
  if (listed.length > 0) return listed.map(([address = ""]) => address);
  const resolver = new Resolver({ timeout: 500, tries: 2 });
  const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  return found.flatMap((addresses) => (addresses.status === "fulfilled" ? addresses.value.slice(0, 2) : []));
}

function hostsFile(): string[][] {
  try {
    const lines = readFileSync("/etc/hosts", "utf8").split("\n");
    return lines.map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  } catch {
    return [];
  }
}

function dial(host: string, port: number): Promise<Reached> {
  const { promise, resolve } = Promise.withResolvers<Reached>();
  const socket: Socket = connect({ host, port });
  socket.setTimeout(DEADLINE_MS, () => resolve("silent"));
  socket.once("connect", () => resolve("open"));
  socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "ECONNREFUSED" ? "refused" : "silent"));
  return promise.finally(() => socket.destroy());
}

/** Whether an HTTP proxy opens a tunnel to `target` (host:port); false for whatever else it does within the deadline. */
export function tunnels(proxy: URL, target: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: proxy.hostname, port: Number(proxy.port || 80) });
  socket.setTimeout(DEADLINE_MS, () => resolve(false));
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  const { username, password } = proxy;
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
  const authorization = username === "" ? "" : `proxy-authorization: Basic ${login}\r\n`;
  socket.once("connect", () => socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${authorization}\r\n`));
  socket.once("data", (first: Buffer) => resolve(/^HTTP\/1\.[01] 2\d\d/.test(first.toString("latin1"))));
  return promise.finally(() => socket.destroy());
}
