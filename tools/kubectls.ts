import { readdir, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { ensureTool } from "./ensure.ts";
import { run } from "./setup/run.mjs";

/** A kubectl of this machine. */
export interface Kubectl {
  /** `1.27`: major and minor. */
  minor: string;
  /** `1.27.16` */
  version: string;
  path: string;
}

/** Where the Google Cloud SDK keeps older ones beside its own, `kubectl.1.27` and so on. */
const SDK_FOLDERS = ["/usr/lib/google-cloud-sdk/bin", "/opt/google-cloud-sdk/bin"];
const OLDEST = 27;

/**
 * Every kubectl that can be found, one a minor from 1.27 on, the oldest first: on PATH, of the Google Cloud SDK, and
 * the pinned one, which is always there and stands for its minor.
 */
export async function findKubectls(): Promise<Kubectl[]> {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SDK_FOLDERS].filter((folder) => folder !== "");
  const paths = new Set([await ensureTool("kubectl")]);
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      if (!/^kubectl(?:\.\d+\.\d+)?$/.test(name)) continue;
      const path = await realpath(join(folder, name)).catch(() => undefined);
      if (path !== undefined) paths.add(path);
    }
  }
  const found = new Map<string, Kubectl>();
  for (const path of paths) {
    const kubectl = await describe(path);
    if (kubectl !== undefined && !found.has(kubectl.minor)) found.set(kubectl.minor, kubectl);
  }
  return [...found.values()].sort((a, b) => minorOf(a) - minorOf(b));
}

const minorOf = ({ minor }: Kubectl): number => Number(minor.split(".")[1]);

/** What it says of itself; undefined where it is too old, or no kubectl. */
async function describe(path: string): Promise<Kubectl | undefined> {
  const { code, stdout } = await run(path, ["version", "--client", "-o", "json"], { timeoutMs: 10_000 });
  const version = code === 0 ? /"gitVersion": *"v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] : undefined;
  const minor = version?.split(".").slice(0, 2).join(".");
  if (version === undefined || minor === undefined) return undefined;
  const kubectl = { minor, version, path };
  return minorOf(kubectl) >= OLDEST ? kubectl : undefined;
}
