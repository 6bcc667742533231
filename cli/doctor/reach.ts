import { besideTheGateway } from "./kubeconfigs.ts";
import type { Finding } from "./leaks.ts";
import { type Scene, textOf, withoutCredentials } from "./scene.ts";

interface Target {
  host: string;
  port: number;
}

const NETWORK =
  "Let a network policy allow only the gateway and DNS (deploy/agent/network-policy.yaml), and have a CNI that enforces it.";

/** The API server by all its names, and what kubeconfigs name beside the gateway. */
function apiServers(scene: Scene): Target[] {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = scene.env;
  const service = host ? [{ host, port: Number(port) || 443 }] : [];
  const named = besideTheGateway(scene).flatMap(({ servers }) => servers.flatMap(targetOf));
  return [...service, { host: "kubernetes.default.svc.cluster.local", port: 443 }, ...named];
}

function targetOf(url: string): Target[] {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === "") return [];
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  return [{ host, port: Number(parsed.port) || (parsed.protocol === "http:" ? 80 : 443) }];
}

const PROVIDERS: readonly Target[] = [
  "api.anthropic.com",
  "api.openai.com",
  "generativelanguage.googleapis.com",
  "aiplatform.googleapis.com",
  "bedrock-runtime.us-east-1.amazonaws.com",
].map((host) => ({ host, port: 443 }));

/** Public resolvers, whose addresses nobody has to look up: DNS may be closed where the network is not. */
const INTERNET: readonly Target[] = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"].map((host) => ({ host, port: 443 }));

/** AWS, Google, Azure and most others; AWS over IPv6; EKS Pod Identity's agent; Azure's WireServer; Alibaba. */
const METADATA: readonly Target[] = [
  "169.254.169.254",
  "fd00:ec2::254",
  "169.254.170.23",
  "168.63.129.16",
  "100.100.100.200",
].map((host) => ({ host, port: 80 }));

/** 10250 is the kubelet's API, 10255 its read-only one. */
function kubelet(scene: Scene): Target[] {
  const { NODE_IP, HOST_IP } = scene.env;
  const hosts = new Set([NODE_IP, HOST_IP, defaultRoute(scene)].filter((host) => host !== undefined && host !== ""));
  return [...hosts].flatMap((host = "") => [10250, 10255].map((port) => ({ host, port })));
}

/** The node, with most CNIs: `/proc/net/route` has addresses as hexadecimal words of the machine's byte order. */
function defaultRoute(scene: Scene): string | undefined {
  const rows = (textOf(scene, "/proc/net/route") ?? "").split("\n").map((line) => line.split("\t"));
  const word = rows.find(([, destination, via]) => destination === "00000000" && via !== "00000000")?.[2];
  if (word === undefined || !/^[0-9A-F]{8}$/i.test(word)) return undefined;
  return Buffer.from(word, "hex").toReversed().join(".");
}

export const REACHABLE: readonly { what: string; targets: (scene: Scene) => readonly Target[]; next: string }[] = [
  { what: "Kubernetes API, directly", targets: apiServers, next: NETWORK },
  { what: "model providers, directly", targets: () => PROVIDERS, next: NETWORK },
  { what: "internet, directly", targets: () => INTERNET, next: NETWORK },
  { what: "cloud metadata", targets: () => METADATA, next: `${NETWORK} It gives away the node's own credentials.` },
  { what: "kubelet", targets: kubelet, next: NETWORK },
];

/** Connections are opened and closed at once: nothing is sent. Of a container alone. */
export async function reachable(scene: Scene, targets: readonly Target[], next: string): Promise<Finding[]> {
  if (!scene.contained) return [];
  if (targets.length === 0) {
    const set = "Set NODE_IP to the node's address (status.hostIP, as in deploy/agent/agent.yaml).";
    return [{ detail: "no address is known, so that none was tried", next: set, result: "warn" }];
  }
  const own = scene.gateway === undefined ? [] : targetOf(scene.gateway);
  const all = new Map(
    targets.map(({ host, port }) => [host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, { host, port }]),
  );
  const asked = [...all].filter(([, { host, port }]) => !own.some((one) => one.host === host && one.port === port));
  const found = await Promise.all(
    asked.map(async ([name, { host, port }]) => ((await scene.reach(host, port)) === "open" ? [name] : [])),
  );
  return found.flat().map((name) => ({ detail: `${name} takes connections`, next }));
}

/** Proxies that a client would take, and that open what nothing here reaches by itself. */
export async function proxies(scene: Scene): Promise<Finding[]> {
  const names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
  const found = await Promise.all(
    names.map(async (name): Promise<Finding[]> => {
      const value = scene.env[name] ?? "";
      if (value === "") return [];
      const proxy = URL.parse(value);
      const next = `Unset ${name}, or let the proxy open only the gateway.`;
      if (proxy?.protocol !== "http:" || !scene.contained) {
        return [
          { detail: `${name} is ${withoutCredentials(value)}, and where it leads was not tried`, next, result: "warn" },
        ];
      }
      const opened = await scene.tunnels(proxy, "api.anthropic.com:443");
      return opened ? [{ detail: `${name}: ${proxy.host} opens api.anthropic.com:443`, next }] : [];
    }),
  );
  return found.flat();
}
