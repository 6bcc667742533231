import { printable } from "../style.ts";
import type { RepositoryStatus } from "./client.ts";

/** Whether a person has nothing to do about the repository. */
export function isWell({ unreachable, frozen, malformed, overdueReviews, warnings }: RepositoryStatus): boolean {
  return (
    unreachable === undefined &&
    frozen === undefined &&
    malformed.length + overdueReviews.length + warnings.length === 0
  );
}

/** How the policy-exceptions repository is, a line each. What malformed files and forges say is anybody's text. */
export function renderRepository(status: RepositoryStatus): string {
  const { checkedAt, unreachable, frozen, malformed, overdueReviews, warnings } = status;
  const lines = [
    `last seen whole  ${checkedAt === 0 ? "never" : new Date(checkedAt).toISOString()}`,
    ...(unreachable === undefined ? [] : [`unreachable      ${unreachable}`]),
    ...(frozen === undefined
      ? []
      : [
          `frozen           ${frozen.why}`,
          `  last good main ${frozen.from}`,
          `  main now       ${frozen.to}`,
          "  next           look at what changed; where it is right, `sallyport approvals reset --commit <main now> --reason …`",
        ]),
    ...warnings.map((warning) => `warning          ${warning}`),
    ...malformed.map(({ name, error }) => `stands for nothing  ${name}: ${error}`),
    ...overdueReviews.map((name) => `review overdue   ${name}`),
  ];
  if (isWell(status)) lines.push("nothing to do");
  return lines.map((line) => printable(line.replaceAll("\n", "\\n"))).join("\n");
}
