import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { type Reached, reachTcp, tunnels } from "./tcp.ts";

/** What the checks look at: one process's environment, files and network. */
export interface Scene {
  env: NodeJS.ProcessEnv;
  /** Where the agent works: its project's settings are there. */
  cwd: string;
  /** Where `/` is: another one for an image that is unpacked, or another process's (`/proc/PID/root`). */
  root: string;
  /** Public URL of the gateway, without a slash at its end; undefined where none is configured. */
  gateway: string | undefined;
  /** Whether what is found fails, and the network is tried. */
  contained: boolean;
  reach(host: string, port: number): Promise<Reached>;
  /** Whether an HTTP proxy leads to `target`, a host and a port. */
  tunnels(proxy: URL, target: string): Promise<boolean>;
}

export interface SceneOptions {
  root?: string;
  contained?: boolean;
}

/** This process's. */
export function thisScene(env: NodeJS.ProcessEnv, gateway: string | undefined, options: SceneOptions = {}): Scene {
  const scene = {
    env,
    cwd: process.cwd(),
    root: options.root ?? "/",
    gateway,
    contained: true,
    reach: reachTcp,
    tunnels,
  };
  return { ...scene, contained: options.contained ?? isContainer(scene) };
}

/** What a kubelet gives to each container, and what our manifests say. `SALLYPORT_CONTAINED=0` says that it is none. */
function isContainer({ env }: Pick<Scene, "env">): boolean {
  const said = env.SALLYPORT_CONTAINED ?? "";
  return said === "" ? Boolean(env.KUBERNETES_SERVICE_HOST) : said !== "0" && said !== "false";
}

/** Docker's and Podman's marks. People develop in such containers, and CI runs in them: nobody else says that an agent is here. */
export function looksContained(scene: Scene): boolean {
  const marks = ["/.dockerenv", "/run/.containerenv"];
  return (scene.env.SALLYPORT_CONTAINED ?? "") === "" && marks.some((path) => existsSync(pathIn(scene, path)));
}

/** Where an absolute path, or one relative to where the agent works, is. */
export function pathIn({ root, cwd }: Pick<Scene, "root" | "cwd">, path: string): string {
  return isAbsolute(path) ? join(root, path) : join(root, cwd, path);
}

export function home(scene: Scene): string {
  return scene.env.HOME || homedir();
}

/** The text of a file that this process may read; undefined where there is none, or it may not. */
export function textOf(scene: Scene, path: string): string | undefined {
  try {
    const at = pathIn(scene, path);
    // A device or a pipe would never end.
    if (!statSync(at).isFile()) return undefined;
    return readFileSync(at, "utf8");
  } catch {
    return undefined;
  }
}

/** Whether a URL leads to a connection of the gateway: the server's whole name is compared, and its path. */
export function isGatewayUrl({ gateway }: Pick<Scene, "gateway">, url: string): boolean {
  const asked = URL.parse(url);
  const own = gateway === undefined ? null : URL.parse(gateway);
  if (asked === null || own === null) return false;
  const base = own.pathname.replace(/\/+$/, "");
  return asked.origin === own.origin && asked.pathname.startsWith(`${base}/connections/`);
}

/** A URL without who it names: a proxy's has a password in it. */
export function withoutCredentials(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return "what is no URL";
  return `${parsed.protocol}//${parsed.host}${parsed.pathname === "/" ? "" : parsed.pathname}`;
}
