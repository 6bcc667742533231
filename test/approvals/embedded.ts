import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type EmbeddedHome, type EmbeddedHomeOptions, openEmbeddedHome } from "../../approvals/git/home.ts";
import type { Approval, Proposal } from "../../approvals/types.ts";
import { silentLog } from "../../base/log.ts";
import { bob, FakeClock, opened, people, seen } from "./suite/fixtures.ts";

export {
  actor,
  alice,
  bob,
  carol,
  DIGEST,
  dora,
  FakeClock,
  opened,
  people,
  proposal,
  START,
  seen,
} from "./suite/fixtures.ts";

export interface Rig {
  path: string;
  clock: FakeClock;
  mergeKeyFile: string;
  home: EmbeddedHome;
  open(options?: Partial<EmbeddedHomeOptions>): Promise<EmbeddedHome>;
  git(args: string[], input?: string): string;
}

export function newMergeKey(folder: string, name = "merge.pem"): string {
  const file = join(folder, name);
  writeFileSync(file, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  return file;
}

/** A home in a folder of its own, closed and deleted when the test ends. */
export async function rig(options: Partial<EmbeddedHomeOptions> = {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-approvals-"));
  const path = join(folder, "exceptions.git");
  const mergeKeyFile = newMergeKey(folder);
  const clock = new FakeClock();
  const homes: EmbeddedHome[] = [];
  const open = async (more: Partial<EmbeddedHomeOptions> = {}): Promise<EmbeddedHome> => {
    const home = await openEmbeddedHome({
      path,
      mergeKeyFile,
      people,
      clock,
      log: silentLog,
      url: (name) => `https://sallyport.test/approvals/${name}`,
      ...options,
      ...more,
    });
    homes.push(home);
    return home;
  };
  onTestFinished(async () => {
    for (const home of homes) await home.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, clock, mergeKeyFile, home: await open(), open, git: gitIn(path) };
}

/** git itself, on a bare repository, as whoever can write its folder has it. */
export function gitIn(path: string): (args: string[], input?: string) => string {
  return (args, input = "") =>
    execFileSync("git", ["-C", path, "-c", "user.name=x", "-c", "user.email=x@x", ...args], {
      encoding: "utf8",
      input,
      stdio: ["pipe", "pipe", "pipe"],
    }).trim();
}

export async function approved(home: EmbeddedHome, changes: Partial<Proposal> = {}): Promise<Approval> {
  const approval = await opened(home, changes);
  return home.approve(approval.name, bob, { reason: "fine", seen: seen(approval) });
}
