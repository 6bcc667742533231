import type { AuditEntry } from "../../../tools/control-plane/audit-log.ts";
import type { Finished } from "../command.ts";
import type { Environment } from "../environment.ts";

/** One thing that the tour shows. `run` throws an Unseen where the outcome is not what it should be. */
export interface TourStep {
  title: string;
  run(environment: Environment): Promise<Shown>;
}

/** What was typed, what came back, and by what it was verified. */
export interface Shown {
  command: string;
  answer: string;
  verified: string[];
}

/** An outcome that the tour should have shown, and did not. */
export class Unseen extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Unseen";
  }
}

export function see(condition: boolean, otherwise: string | (() => string)): asserts condition {
  if (!condition) throw new Unseen(typeof otherwise === "string" ? otherwise : otherwise());
}

/** What a command said, on one line, for a message about it. */
export function said({ code, stdout, stderr }: Finished): string {
  const text = (stderr.trim() || stdout.trim()).replace(/\s+/g, " ");
  return `exit ${code}: ${text.slice(0, 500)}`;
}

/**
 * What the API server itself says that the agent did, by its own audit log; undefined where it cannot be read. Its
 * lines are written when an answer has been, so a missing one is waited for a moment.
 */
export async function witnessed(
  { cluster, agentUser }: Environment,
  matches: (entry: AuditEntry) => boolean,
  options: { wait?: boolean } = {},
): Promise<AuditEntry[] | undefined> {
  if (cluster.auditLog === undefined) return undefined;
  for (let attempt = 0; ; attempt++) {
    const entries = await cluster.auditLog();
    const found = entries.filter((entry) => entry.impersonatedUser?.username === agentUser && matches(entry));
    if (found.length > 0 || options.wait !== true || attempt === 20) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
