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
  const names = (text: string): boolean =>
    API.test(text) || servers.some((server) => server !== "" && text.includes(server));
  if (said.some(names)) return `${name} is given the address of an API server`;
  if (said.some((text) => BEARER.test(text))) return `${name} is given a bearer token`;
  return undefined;
}

const runsCode = (name: string): boolean => isInterpreter(name) !== undefined;
