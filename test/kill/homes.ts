import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

/** One of the two homes, as it is seen from outside of the gateway. */
export interface KillHome {
  name: string;
  /** Puts it into sallyport.yaml. */
  configure(config: Record<string, unknown>): void;
  /** Digests that have a proposal's branch now. */
  branches(): string[];
  /** Whether that approval was merged. */
  merged(name: string): boolean;
  /** How many of its uses are spent. */
  uses(name: string): number;
  /** A person approves. */
  approve(name: string, world: World): Promise<void>;
  close(): Promise<void>;
}

const entries = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** The embedded home: its refs are files. */
export function embedded(directory: string): KillHome {
  const refs = join(directory, "policy-exceptions.git", "refs");
  return {
    name: "embedded",
    configure() {},
    branches: () => entries(join(refs, "heads", "sallyport")).filter((name) => !name.endsWith(".lock")),
    merged: (name) => existsSync(join(refs, "sallyport", "settled", name)),
    uses: (name) => entries(join(refs, "sallyport", "used", name)).filter((n) => !n.endsWith(".lock")).length,
    approve: (name, world) => world.decide(name),
    close: async () => {},
  };
}

export const HOMES: Record<string, (directory: string) => KillHome | Promise<KillHome>> = { embedded };
