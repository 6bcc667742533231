import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { readJsonText } from "./json.ts";
import type { Finding } from "./leaks.ts";
import { home, pathIn, type Scene, textOf } from "./scene.ts";
import { unverifiedClaims } from "./tokens.ts";

const TOKENS = [
  "/var/run/secrets/kubernetes.io/serviceaccount/token",
  "/run/secrets/kubernetes.io/serviceaccount/token",
  "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
  "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token",
  "/var/run/secrets/azure/tokens/azure-identity-token",
];

/** Tokens that a kubelet mounts, and an ID token that more than the gateway takes. */
export function mountedTokens(scene: Scene): Finding[] {
  const mounted = once(
    scene,
    TOKENS.filter((path) => textOf(scene, path) !== undefined),
  ).map((path) => ({
    detail: `${path} is there to be read`,
    next: "Set automountServiceAccountToken: false, and mount only a token whose audience is the gateway's.",
  }));
  const claims = idTokenClaims(scene.env.SALLYPORT_ID_TOKEN_FILE);
  const audiences = [claims?.aud].flat();
  // kube-apiserver's --api-audiences is its issuer, unless it is set.
  const isForTheCluster = claims?.iss !== undefined && audiences.includes(claims.iss);
  if (!isForTheCluster && audiences.length < 2) return mounted;
  const detail = isForTheCluster
    ? "SALLYPORT_ID_TOKEN_FILE has its issuer for its audience: the cluster takes it as well"
    : "SALLYPORT_ID_TOKEN_FILE has more than one audience: others take it as well";
  return [...mounted, { detail, next: "Have it issued for the gateway's audience alone." }];
}

/** This command's own: it is where it is, wherever the files to look at are. */
function idTokenClaims(path: string | undefined): Record<string, unknown> | undefined {
  try {
    return path === undefined || path === "" ? undefined : unverifiedClaims(readFileSync(path, "utf8").trim());
  } catch {
    return undefined;
  }
}

const SOCKETS = [
  "/var/run/docker.sock",
  "/run/docker.sock",
  "/run/containerd/containerd.sock",
  "/run/k3s/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/cri-dockerd.sock",
  "/run/podman/podman.sock",
];

/** Whoever reaches a container runtime starts a container that nothing here holds. */
export function runtimeSockets(scene: Scene): Finding[] {
  const own = scene.env.XDG_RUNTIME_DIR;
  const rootless = own === undefined ? [] : [join(own, "docker.sock"), join(own, "podman/podman.sock")];
  const there = once(
    scene,
    [...SOCKETS, ...rootless].filter((path) => existsSync(pathIn(scene, path))),
  );
  const named = ["DOCKER_HOST", "CONTAINER_HOST"].filter((name) => scene.env[name]);
  return [
    ...there.map((path) => ({ detail: `${path} is mounted`, next: "Don't mount it." })),
    ...named.map((name) => ({ detail: `${name} names a container runtime`, next: "Unset it." })),
  ];
}

/** What clients of providers and clouds leave in a home, and take up again without being told. */
export function storedLogins(scene: Scene): Finding[] {
  const claude = scene.env.CLAUDE_CONFIG_DIR || join(home(scene), ".claude");
  const files = [
    join(claude, ".credentials.json"),
    ...[
      ".aws/credentials",
      ".codex/auth.json",
      ".config/gcloud/application_default_credentials.json",
      ".config/gcloud/credentials.db",
      ".azure/msal_token_cache.json",
      ".gemini/oauth_creds.json",
    ].map((path) => join(home(scene), path)),
  ].filter((path) => (textOf(scene, path) ?? "") !== "");
  const global = scene.env.CLAUDE_CONFIG_DIR ? join(claude, ".claude.json") : join(home(scene), ".claude.json");
  if (readJsonText(textOf(scene, global))?.primaryApiKey !== undefined) files.push(global);
  return files.map((path) => ({ detail: `${path} holds a login`, next: "Remove it, and start with an empty home." }));
}

/** One folder often has two names (/var/run is /run). */
function once(scene: Scene, paths: string[]): string[] {
  const real = new Map(
    paths.map((path) => [realpathSync(pathIn(scene, path)), path]).toReversed() as [string, string][],
  );
  return paths.filter((path) => [...real.values()].includes(path));
}
