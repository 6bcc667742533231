import { canonicalJson } from "../base/canonical-json.ts";
import { Refusal } from "../base/errors.ts";
import { clip, visible } from "./text.ts";
import type { Proposal } from "./types.ts";

const LONGEST = { reason: 1024, agent: 256, name: 512, command: 8192, message: 1024, prompt: 128 };
const CHANGES = { entries: 500, bytes: 262_144 };

/**
 * A proposal as it may be stored and shown: text of the agent's on one line with nothing invisible in it.
 * What an approver decides by (the command, the changes) is never cut: it is refused, since an approval of
 * what was not shown is none. Throws Refusal `body-too-large`, `bad-request`.
 */
export function fitProposal(proposal: Proposal): Proposal {
  const { summary } = proposal;
  const changes = canonicalJson(proposal.changes);
  if (proposal.changes.length > CHANGES.entries || changes.length > CHANGES.bytes) {
    throw new Refusal(
      "body-too-large",
      `the change is too large to be shown to an approver (${changes.length} bytes)`,
      {
        next: "Split it into smaller requests.",
      },
    );
  }
  if (summary.command.length > LONGEST.command) {
    throw new Refusal("body-too-large", "the command is too long to be shown to an approver", {
      next: "Use a shorter command.",
    });
  }
  if (!/^[0-9a-f]{64}$/.test(proposal.digest) || !/^[0-9a-f]{64}$/.test(proposal.change)) {
    throw new Refusal("bad-request", "a proposal's digest and change are 64 lower-case hex digits");
  }
  const short = (text: string): string => clip(text, LONGEST.name);
  const { promptId } = proposal.requester;
  return {
    ...proposal,
    requester: {
      ...proposal.requester,
      ...(promptId === undefined ? {} : { promptId: clip(promptId, LONGEST.prompt) }),
    },
    rules: [...new Set(proposal.rules)],
    summary: {
      verb: short(summary.verb),
      resource: short(summary.resource),
      namespace: short(summary.namespace),
      name: short(summary.name),
      command: visible(summary.command),
      agent: clip(summary.agent, LONGEST.agent),
      reason: clip(summary.reason, LONGEST.reason),
    },
    findings: proposal.findings.slice(0, 100).map((finding) => ({
      ...finding,
      message: clip(finding.message, LONGEST.message),
      fields: finding.fields.slice(0, 50).map(short),
      ...(finding.title === undefined ? {} : { title: short(finding.title) }),
      ...(finding.remediation === undefined ? {} : { remediation: clip(finding.remediation, LONGEST.message) }),
    })),
    ...(proposal.blastRadius === undefined ? {} : { blastRadius: clip(proposal.blastRadius, LONGEST.message) }),
    changes: JSON.parse(changes),
  };
}
