import { delimiter, join } from "node:path";
import { parse } from "yaml";
import { errorMessage } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import type { Check } from "./check.ts";
import { asObject } from "./json.ts";
import { home, isGatewayUrl, type Scene, textOf, withoutCredentials } from "./scene.ts";

interface Entry<T> {
  name?: string;
  cluster?: T;
}

interface Kubeconfig {
  "current-context"?: string;
  contexts?: { name?: string; context?: { cluster?: string } }[];
  clusters?: Entry<{ server?: string; "insecure-skip-tls-verify"?: boolean }>[];
  users?: { name?: string; user?: Record<string, unknown> }[];
}

/** Those of a cluster's own parts, which a mount of the host brings along. */
const OF_THE_HOST = [
  "/etc/kubernetes/admin.conf",
  "/etc/kubernetes/super-admin.conf",
  "/etc/kubernetes/kubelet.conf",
  "/var/lib/kubelet/kubeconfig",
  "/etc/rancher/k3s/k3s.yaml",
];

/** kubectl's rule for which files are in force. */
function inForce(scene: Scene): string[] {
  const { KUBECONFIG } = scene.env;
  const paths = KUBECONFIG ? KUBECONFIG.split(delimiter) : [join(home(scene), ".kube", "config")];
  return paths.filter((path) => path !== "");
}

function read(scene: Scene, path: string): Kubeconfig | undefined {
  const text = textOf(scene, path);
  if (text === undefined) return undefined;
  const parsed: unknown = parse(text);
  return parsed !== null && typeof parsed === "object" ? (parsed as Kubeconfig) : {};
}

/** Whether kubectl's current context goes through the gateway. */
export function checkKubeconfig(context: Context, scene: Scene): Check {
  const what = "kubeconfig";
  const next = "Run `sallyport kubeconfig --merge`.";
  const paths = inForce(scene);
  try {
    const all = paths.map((path) => read(scene, path)).filter((one) => one !== undefined);
    if (all.length === 0) return { result: "warn", what, detail: `${paths.join(", ")}: no such file`, next };
    // kubectl merges the files; the first to set a value wins.
    const current = all.find((one) => one["current-context"])?.["current-context"];
    const cluster = all.flatMap((one) => one.contexts ?? []).find((entry) => entry.name === current)?.context?.cluster;
    const server = all.flatMap((one) => one.clusters ?? []).find((entry) => entry.name === cluster)?.cluster?.server;
    if (current === undefined || server === undefined)
      return { result: "warn", what, detail: "no current context", next };
    const wanted = `${context.url}/connections/${context.connection ?? ""}`;
    const isWanted = isGatewayUrl(scene, server) && server.startsWith(wanted);
    if (isWanted) return { result: "ok", what, detail: `context ${current} is ${server}` };
    const detail = `context ${current} is ${withoutCredentials(server)}, which is not the gateway's ${wanted}`;
    return { result: "warn", what, detail, next };
  } catch (error) {
    return { result: "failed", what, detail: `${paths.join(", ")}: ${errorMessage(error).split("\n")[0]}` };
  }
}

/** What is in kubeconfigs beside the gateway: servers, and credentials of whatever kind. */
export interface Beside {
  path: string;
  servers: string[];
  credentials: string[];
  /** Clusters whose certificate nobody checks. */
  unverified: string[];
}

/** All kubeconfigs that this process can read; one that is not YAML is none that kubectl could use. */
export function besideTheGateway(scene: Scene): Beside[] {
  const paths = [...new Set([...inForce(scene), join(home(scene), ".kube", "config"), ...OF_THE_HOST])];
  return paths.flatMap((path) => {
    let found: Kubeconfig | undefined;
    try {
      found = read(scene, path);
    } catch {
      return [];
    }
    if (found === undefined) return [];
    const clusters = list(found.clusters);
    const servers = clusters.flatMap(({ cluster }) => (typeof cluster?.server === "string" ? [cluster.server] : []));
    const beside: Beside = {
      path,
      servers: servers.filter((server) => !isGatewayUrl(scene, server)).map(withoutCredentials),
      credentials: list(found.users)
        .filter(holdsCredential)
        .map(({ name }) => String(name)),
      unverified: clusters
        .filter((entry) => entry.cluster?.["insecure-skip-tls-verify"] === true)
        .map(({ name }) => String(name)),
    };
    return beside.servers.length + beside.credentials.length + beside.unverified.length === 0 ? [] : [beside];
  });
}

const CREDENTIALS = [
  "token",
  "tokenFile",
  "client-certificate",
  "client-certificate-data",
  "client-key",
  "client-key-data",
];

/** All but the gateway's own plugin: what a kubeconfig authenticates with, it authenticates somebody with. */
function holdsCredential(entry: { user?: unknown }): boolean {
  const user = asObject(entry.user) ?? {};
  if ([...CREDENTIALS, "password", "auth-provider"].some((key) => user[key] !== undefined)) return true;
  const exec = asObject(user.exec);
  if (exec === undefined) return false;
  const words = [exec.command, ...(Array.isArray(exec.args) ? exec.args : [])].map(String);
  return !(words.includes("credential") && words.some((word) => /(^|\/)(sallyport|main\.[jt]s)$/.test(word)));
}

/** Anybody may have written the file: what should be a list of objects may be anything. */
function list<T extends object>(value: T[] | undefined): T[] {
  return Array.isArray(value) ? value.filter((one) => asObject(one) !== undefined) : [];
}
