import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openEmbeddedHome } from "../../approvals/git/home.ts";
import type { GitHubCredential } from "../../approvals/github/client.ts";
import type { StandingException } from "../../approvals/standing/exception.ts";
import { type About, idleIssue, sideOf } from "../../approvals/standing/idle.ts";
import type { StandingLimits } from "../../approvals/standing/meaning.ts";
import type { ApprovalHome } from "../../approvals/types.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import type { ExceptionLimits } from "../../base/config/guardrails.ts";
import type { ConfigIssue } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

interface HomeDeps {
  hmacKeys: Uint8Array[];
  /** `exceptions` of the guardrails in force. */
  exceptionLimits(): ExceptionLimits;
  /** What a rule of the policy in force is asked about. */
  about?(rule: string): About | undefined;
  log: Log;
}

/** Opens the policy-exceptions repository, wherever it is at home. Throws a UserError where it cannot be opened. */
export async function openApprovals(config: GatewayConfig, deps: HomeDeps): Promise<ApprovalHome> {
  const { approvals, keys, people, limits, listen, audit } = config;
  const { log } = deps;
  const about = (rule: string): About | undefined => deps.about?.(rule);
  const sides = new Map(config.connections.map(({ name, kind }) => [name, sideOf(kind)]));
  const idle = (one: StandingException): ConfigIssue | undefined => idleIssue(one, about, (name) => sides.get(name));
  const shared = {
    people,
    limits: { holdsPerSession: limits.holdsPerSession, holdsPerIdentity: limits.holdsPerIdentity },
    // Beside the record: what was the last good main must outlast a restart.
    state: approvals.state ?? join(audit.spool.path, "approvals-main"),
    exceptionLimits: (): StandingLimits => ({ ...deps.exceptionLimits(), idle }),
    url: (name: string) => `${listen.url}/approvals/${name}`,
    log,
  };
  if (approvals.home === "embedded") {
    return openEmbeddedHome({ ...shared, path: approvals.path, mergeKeyFile: keys.mergeFile ?? [] });
  }
  const { repository, baseUrl, caFile, branch, teams, pollSeconds } = approvals;
  const credential = credentialOf(approvals);
  // Loaded only here: the clients of GitHub's API are memory that the embedded home has no use for.
  const { openGitHubHome } = await import("../../approvals/github/home.ts");
  return openGitHubHome({
    ...shared,
    ...{ repository, credential, baseUrl, caFile, branch, teams, pollSeconds },
    hmacKeys: deps.hmacKeys,
    docsUrl: config.policy.docsUrl,
  });
}

/** The configuration has either (base/config/gateway.ts). */
function credentialOf(config: Extract<GatewayConfig["approvals"], { home: "github" }>): GitHubCredential {
  const { appId, installationId, privateKeyFile, tokenFile } = config;
  if (tokenFile !== undefined) return { tokenFile };
  if (appId !== undefined && installationId !== undefined && privateKeyFile !== undefined) {
    return { appId, installationId, privateKeyFile };
  }
  throw new UserError("approvals: needs a GitHub App or a tokenFile", { exitCode: 2 });
}

/** What GitHub signs its webhooks with. Throws a UserError where the file cannot be read, or is empty. */
export function webhookSecretOf({ approvals }: Pick<GatewayConfig, "approvals">): string | undefined {
  if (approvals.home !== "github" || approvals.webhookSecretFile === undefined) return undefined;
  const file = approvals.webhookSecretFile;
  let secret: string;
  try {
    secret = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UserError(`approvals.webhookSecretFile: ${file} cannot be read`, { exitCode: 2, cause: error });
  }
  // HMAC takes an empty key: everybody could sign.
  if (secret === "") throw new UserError(`approvals.webhookSecretFile: ${file} is empty`, { exitCode: 2 });
  return secret;
}
