import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type EmbeddedHome, type EmbeddedHomeOptions, openEmbeddedHome } from "../../approvals/git/home.ts";
import type { Actor, Approval, Proposal } from "../../approvals/types.ts";
import { sha256 } from "../../base/digest.ts";
import { silentLog } from "../../base/log.ts";

export const START = Date.UTC(2026, 10, 22, 10);
export const DIGEST = "a".repeat(64);

export class FakeClock {
  time = START;
  now(): number {
    return this.time;
  }
}

export function actor(username: string, ...groups: string[]): Actor {
  return { issuer: "corp", username, groups };
}
export const alice = actor("corp:alice@example.com", "corp:oncall");
export const bob = actor("corp:bob@example.com", "corp:oncall");
export const carol = actor("corp:carol@example.com");

export const people = [
  {
    identities: [alice.username, "corp:alice-admin@example.com"],
    agents: ["corp:agent-alice"],
  },
  { identities: [bob.username], agents: ["corp:agent-bob"] },
  { identities: [carol.username], agents: [] },
];

export function proposal(changes: Partial<Proposal> = {}): Proposal {
  return {
    connection: "prod",
    digest: DIGEST,
    change: "c".repeat(64),
    rules: ["workload/host-path"],
    requester: { issuer: "corp", username: "corp:agent-alice", session: "s-1" },
    summary: {
      verb: "create",
      resource: "pods",
      namespace: "a",
      name: "p",
      command: "kubectl create pod p",
      agent: "claude-code",
      reason: "debugging",
    },
    findings: [{ rule: "workload/host-path", message: "mounts /", severity: "high", fields: ["spec.volumes[0]"] }],
    changes: [{ path: "spec.volumes[0].hostPath.path", to: "/" }],
    policyRevision: "b1/g1",
    requirements: [{ rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 1 }],
    notAfter: START + 900_000,
    maxUses: 1,
    ...changes,
  };
}

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
  const git = (args: string[], input = ""): string =>
    execFileSync("git", ["-C", path, "-c", "user.name=x", "-c", "user.email=x@x", ...args], {
      encoding: "utf8",
      input,
      stdio: ["pipe", "pipe", "pipe"],
    }).trim();
  return { path, clock, mergeKeyFile, home: await open(), open, git };
}

export const seen = (approval: Approval): string => sha256(approval.file);

export async function opened(home: EmbeddedHome, changes: Partial<Proposal> = {}): Promise<Approval> {
  return (await home.propose(proposal(changes))).approval;
}

export async function approved(home: EmbeddedHome, changes: Partial<Proposal> = {}): Promise<Approval> {
  const approval = await opened(home, changes);
  return home.approve(approval.name, bob, { reason: "fine", seen: seen(approval) });
}
