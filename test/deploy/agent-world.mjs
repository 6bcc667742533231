/**
 * Loaded into a command of ours before itself (`--import`): the world beyond loopback, as AGENT_WORLD says that it is, and
 * nothing of the real one. AGENT_WORLD is JSON: for "host:port" the port on loopback that answers in its place. What is not
 * listed does not resolve, or cannot be reached. Nothing leaves the machine.
 */
import { Resolver } from "node:dns/promises";
import { Socket } from "node:net";

/** @type {Record<string, number>} */
const world = JSON.parse(process.env.AGENT_WORLD ?? "{}");
const names = Object.keys(world).map((key) => key.slice(0, key.lastIndexOf(":")));
/** Documentation's own addresses (RFC 5737), which no machine has. */
const addressOf = (/** @type {string} */ name) => `192.0.2.${names.indexOf(name) + 1}`;

/** @type {any} */ (Resolver.prototype).resolve4 = async (/** @type {string} */ name) => {
  if (names.includes(name)) return [addressOf(name)];
  throw Object.assign(new Error(`no such name: ${name}`), { code: "ENOTFOUND" });
};
/** @type {any} */ (Resolver.prototype).resolve6 = async () => [];

const connect = Socket.prototype.connect;
/** @type {any} */ (Socket.prototype).connect = function (/** @type {any[]} */ ...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  const { host = "localhost", port } = options;
  if (/^(?:localhost|127\.0\.0\.1|::1)$/.test(host)) return connect.apply(this, /** @type {any} */ (args));
  const name = names.find((one) => one === host || addressOf(one) === host);
  const stand = name === undefined ? undefined : world[`${name}:${port}`];
  if (stand !== undefined) return connect.call(this, { ...options, host: "127.0.0.1", port: stand });
  setImmediate(() => this.destroy(Object.assign(new Error(`${host}:${port}`), { code: "EHOSTUNREACH" })));
  return this;
};
