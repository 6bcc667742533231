import type { ReadOptions, ShellCommand } from "./types.ts";
import { isInterpreter } from "./wrappers.ts";

/** Where a pod's own credentials are mounted (kubernetes.io/docs/tasks/run-application/access-api-from-pod). */
const TOKEN_FILE = /\/(?:var\/)?run\/secrets\/(?:kubernetes\.io|eks\.amazonaws\.com|tokens|azure)\b/;
const CLIENTS = new Set([
  ...["curl", "wget", "nc", "ncat", "netcat", "socat", "telnet", "http", "https", "xh", "aria2c", "httpie", "openssl"],
  ...["websocat", "grpcurl", "lynx", "w3m", "axel", "fetch"],
]);
/** Names and paths that only a Kubernetes API server has. */
const API =
  /kubernetes\.default(?:\.svc)?\b|KUBERNETES_(?:SERVICE_HOST|PORT)|:6443\b|:16443\b|\/api\/v1\/(?:namespaces|nodes|pods|secrets|services|persistentvolumes)\b|\/apis\/(?:apps|batch|rbac\.authorization\.k8s\.io|[a-z0-9.-]+\.k8s\.io)\/v\d/;
const BEARER = /authorization\s*[:=]\s*["']?\s*bearer\b|--oauth2-bearer|\bbearer\s+\$|\bauth-type[= ]bearer/i;

/**
 * Why a command talks to a cluster, or takes its credentials, without going by the gateway, in words; undefined where
 * nothing in its text says so.
 */
export function around(
  argv: readonly string[],
  redirects: ShellCommand["redirects"] & object,
  stdin: string | undefined,
  { servers = [] }: ReadOptions,
): string | undefined {
  const [program = "", ...words] = argv;
  const name = program.slice(program.lastIndexOf("/") + 1);
  const files = redirects.flatMap(({ file }) => (file === null ? [] : [file]));
  if (
    [...words, ...files].some((word) => TOKEN_FILE.test(word)) ||
    (stdin !== undefined && name !== "" && TOKEN_FILE.test(stdin) && runsCode(name))
  ) {
    return "it reads the credentials that are mounted in a pod";
  }
  if (files.some((file) => /^\/dev\/(?:tcp|udp)\//.test(file))) return "it opens a connection of the shell's own";
  if (!CLIENTS.has(name) && !runsCode(name)) return undefined;
  const said = [...words, ...(stdin === undefined ? [] : [stdin])];
  // `nc` takes host and port as two words.
  if (said.some((text) => API.test(text)) || patternOf(servers)?.test(said.join(" ")) === true)
    return `${name} is given the address of an API server`;
  if (said.some((text) => BEARER.test(text))) return `${name} is given a bearer token`;
  return undefined;
}

const patterns = new WeakMap<readonly string[], RegExp>();
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)/;

/** Each by itself, and not as a part of a longer name. */
function patternOf(servers: readonly string[]): RegExp | undefined {
  const names = servers.filter((server) => server !== "");
  if (names.length === 0) return undefined;
  const before = patterns.get(servers);
  if (before !== undefined) return before;
  const sources = names.map((name) => {
    const escaped = name.replace(LOOPBACK, "localhost").replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    return escaped
      .replace(/:(\d+)(?=\/|$)/, "(?::|\\s+)$1")
      .replace(/^localhost/, "(?:localhost|127\\.0\\.0\\.1|\\[::1\\]|::1)");
  });
  const pattern = new RegExp(`(?<![\\w.-])(?:${sources.join("|")})(?![\\w-]|\\.\\w)`, "i");
  patterns.set(servers, pattern);
  return pattern;
}

const runsCode = (name: string): boolean => isInterpreter(name) !== undefined;
