import type { Person } from "../people.ts";
import { said, see, type TourStep } from "./step.ts";

interface Row {
  resource: string;
  verb: string;
  name: string;
  outcome: string;
  approvers: string[];
  rules: string[];
}

export const accounted: TourStep = {
  title: "every privileged operation was blocked, approved or masked",
  async run({ alice, agentUser }) {
    const rows = (await settledRows(alice)).filter((row) => row.username === agentUser);
    const outcomeOf = (resource: string, name: string): Row | undefined =>
      rows.find((row) => row.resource === resource && row.name === name);
    const binding =
      outcomeOf("clusterrolebindings", "agent-admin") ?? rows.find((row) => row.resource === "clusterrolebindings");
    see(binding?.outcome === "blocked", () => `the binding should be on record as blocked, and is ${binding?.outcome}`);
    const pod = outcomeOf("pods", "log-reader");
    see(pod?.outcome === "approved", () => `the pod should be on record as approved, and is ${pod?.outcome}`);
    see(
      pod.approvers.includes("dev:alice@example.com"),
      () => `its approver should be alice, and is ${pod.approvers.join(", ")}`,
    );
    const secret = outcomeOf("secrets", "database");
    see(secret?.outcome === "masked", () => `the Secret should be on record as masked, and is ${secret?.outcome}`);
    const open = rows.filter((row) => row.outcome === "unguarded" || row.outcome === "unknown");
    see(open.length === 0, () => `no operation should be unaccounted for, and ${open.length} are`);
    return {
      command: "sallyport audit query privileged-operations",
      answer: rows
        .map(
          (row) =>
            `${row.outcome.padEnd(9)} ${row.verb} ${row.resource}/${row.name}  ${row.rules.join(", ")}${row.approvers.length > 0 ? `  by ${row.approvers.join(", ")}` : ""}`,
        )
        .join("\n"),
      verified: [`${rows.length} privileged operations in a fresh ClickHouse query, none unaccounted for`],
    };
  },
};

/** The store has an outcome a moment after it is on the spool: until then its intent stands there as unknown. */
async function settledRows(alice: Person): Promise<(Row & { username: string })[]> {
  for (let attempt = 1; ; attempt++) {
    const query = await alice.sallyport(["audit", "query", "privileged-operations", "--output", "json"]).finished;
    see(query.code === 0, () => `\`sallyport audit query\` failed: ${said(query)}`);
    const { items } = JSON.parse(query.stdout) as { items: (Row & { username: string })[] };
    if (attempt === 10 || !items.some(({ outcome }) => outcome === "unknown")) return items;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
