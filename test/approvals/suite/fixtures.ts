import type { Actor, Approval, ApprovalHome, Proposal } from "../../../approvals/types.ts";
import type { Person } from "../../../approvals/voters.ts";
import { sha256 } from "../../../base/digest.ts";

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
export const dora = actor("corp:dora@example.com", "corp:oncall");
/** Listed, and of no group that approves. */
export const carol = actor("corp:carol@example.com");

export const people: Person[] = [
  {
    identities: [alice.username, "corp:alice-admin@example.com"],
    agents: ["corp:agent-alice"],
    github: "alice",
  },
  { identities: [bob.username], agents: ["corp:agent-bob"], github: "bob" },
  { identities: [carol.username], agents: [], github: "carol" },
  { identities: [dora.username], agents: [], github: "dora" },
];

/** A digest of 64 hex digits, whose first 16 differ. */
export const digestOf = (n: number): string => n.toString(16).padStart(16, "0").repeat(4);

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

export const seen = (approval: Approval): string => sha256(approval.file);

export async function opened(home: ApprovalHome, changes: Partial<Proposal> = {}): Promise<Approval> {
  return (await home.propose(proposal(changes))).approval;
}
