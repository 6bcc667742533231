import { type GitHubDouble, GUARDED, startGitHub } from "../github/double.ts";

/** GitHub with a team that may approve what the guardrails ask of `group:dev:sre`: alice and carol. */
export async function openGitHub(): Promise<GitHubDouble> {
  // A file's tests make more in a minute than an account may: what is spent then is for tests of the budget.
  const github = await startGitHub({ limits: "none" });
  github.protection = { ...GUARDED, codeOwners: false };
  github.team("acme/sre", ["alice", "carol"]);
  return github;
}

/** Edits a gateway's configuration: its approvals are at home there. */
export function atHomeOn(github: GitHubDouble, more: object = {}): (config: Record<string, unknown>) => void {
  return (config) => {
    config.approvals = {
      home: "github",
      repository: github.repository,
      baseUrl: github.url,
      ...github.app,
      webhookSecretFile: github.webhookSecretFile,
      teams: { "dev:sre": "acme/sre" },
      pollSeconds: 1,
      ...more,
    };
    config.people = [
      { identities: ["dev:alice@example.com"], github: "alice" },
      { identities: ["dev:carol@example.com"], github: "carol" },
      { identities: ["dev:bob@example.com"], agents: ["dev:agent@example.com"], github: "bob" },
    ];
    config.roles = {
      approver: ["group:dev:sre"],
      auditor: ["group:dev:audit"],
      breakGlass: ["user:dev:bob@example.com"],
    };
  };
}

/** What a team member does: looks at it, approves and merges. */
export async function approveOn(github: GitHubDouble, number: number, by = "alice"): Promise<void> {
  const person = github.as(by);
  await person.review(number, { state: "APPROVED" });
  await person.merge(number);
}
