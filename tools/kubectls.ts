import { execFile } from "node:child_process";
import { readdir, realpath } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ensureTool } from "./ensure.ts";

/** A kubectl that was found, or built. */
export interface Kubectl {
  /** As it says itself, without the `v`: `1.27.16`. */
  version: string;
  path: string;
}

/** Where the Google Cloud SDK's packages and installers put it. It brings a kubectl of each minor that GKE serves. */
const CLOUD_SDK_HOMES = [
  "/usr/lib/google-cloud-sdk",
  "/usr/share/google-cloud-sdk",
  "/opt/google-cloud-sdk",
  "/usr/local/google-cloud-sdk",
  "/opt/homebrew/share/google-cloud-sdk",
];

/**
 * A kubectl for each minor version that this machine has, oldest first: those on PATH, `kubectl.1.NN` beside them and
 * in the Google Cloud SDK, and always the pinned one, which stands for its minor.
 */
export async function findKubectls(): Promise<Kubectl[]> {
  const pinned = await ensureTool("kubectl");
  const byMinor = new Map<number, Kubectl>();
  for (const path of [pinned, ...(await candidates())]) {
    const version = await versionOf(path);
    const minor = version === undefined ? undefined : minorOf(version);
    if (version !== undefined && minor !== undefined && !byMinor.has(minor)) byMinor.set(minor, { version, path });
  }
  return [...byMinor].sort(([a], [b]) => a - b).map(([, kubectl]) => kubectl);
}

/** The minor of a version of Kubernetes 1: 27 of `1.27.16`. */
export function minorOf(version: string): number | undefined {
  const minor = /^1\.(\d+)\./.exec(version)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** Executables by the name of kubectl, one for each file: those with a minor in their name first. */
async function candidates(): Promise<string[]> {
  const { PATH = "", HOME = "", CLOUDSDK_ROOT_DIR } = process.env;
  const homes = [...CLOUD_SDK_HOMES, join(HOME, "google-cloud-sdk"), ...(CLOUDSDK_ROOT_DIR ? [CLOUDSDK_ROOT_DIR] : [])];
  const folders = [
    ...PATH.split(delimiter).filter((folder) => folder !== ""),
    ...homes.map((home) => join(home, "bin")),
  ];
  const found = new Set<string>();
  for (const folder of folders) {
    for (const name of await kubectlsIn(folder)) {
      const file = await realpath(join(folder, name)).catch(() => undefined);
      if (file === undefined) continue;
      found.add(file);
      // Where PATH has a link into the SDK, the others stand beside what it links to.
      for (const sibling of await kubectlsIn(dirname(file))) found.add(join(dirname(file), sibling));
    }
  }
  // The SDK's plain `kubectl` starts another by the server's version (it says `-dispatcher`): it is no version itself.
  return [...found].sort((a, b) => Number(b.includes("kubectl.1.")) - Number(a.includes("kubectl.1.")));
}

async function kubectlsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^kubectl(\.1\.\d+)?$/.test(name)).sort();
}

/** What a kubectl says its version is; undefined where it doesn't run, or is only a dispatcher of others. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["version", "--client", "-o", "json"], { timeout: 20_000 });
    const { clientVersion } = JSON.parse(stdout) as { clientVersion: { gitVersion: string } };
    return /^v(1\.\d+\.\d+)(?!.*dispatcher)/.exec(clientVersion.gitVersion)?.[1];
  } catch {
    return undefined;
  }
}
