import type { Proposal } from "../types.ts";
import { whatOf } from "./title.ts";

export type FactsSubject = Pick<Proposal, "requester" | "summary" | "connection" | "maxUses" | "supersedes"> & {
  /** RFC 3339. */
  notAfter: string;
};

/** Who asks for what, and until when, as a pull request, a page and a terminal say it; what is empty is left out. */
export function factsOf(subject: FactsSubject): [name: string, value: string][] {
  const { requester, summary, maxUses, notAfter, supersedes } = subject;
  const facts: [string, string | undefined][] = [
    ["Who", requester.username],
    ["Acts for", requester.owner?.username],
    ["Agent, as it calls itself", summary.agent],
    ["Session", requester.session],
    ["Prompt, as claimed", requester.promptId],
    ["What", whatOf(subject)],
    ["Command", summary.command],
    ["Stated reason", summary.reason],
    ["May be used", maxUses === 1 ? "once" : `${maxUses} times`],
    ["Not after", notAfter],
    ["In place of, since the change or the approvers are others now", supersedes],
  ];
  return facts.flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : []));
}
