import { clip, visible } from "../text.ts";
import type { Approval, Proposal } from "../types.ts";
import { inert } from "./safe-text.ts";

/** GitHub takes 256 characters of a title, and 50 of a label. */
const TITLE = 120;
const LABEL = 50;

/** "delete deployments apps shop/web on prod", in ASCII, with no Markdown in it: a squash makes it a commit's title. */
export function titleOf({ proposal }: Pick<Approval, "proposal">): string {
  return titleText(`${whatOf(proposal)} (${proposal.rules.join(", ")})`);
}

/** Verb, resource and object: "patch deployments.apps shop/web on prod". */
export function whatOf({ summary, connection }: Pick<Proposal, "summary" | "connection">): string {
  const object = [summary.namespace, summary.name].filter((part) => part !== "").join("/");
  return [summary.verb, summary.resource, object, `on ${connection}`].filter((part) => part !== "").join(" ");
}

/** Text for a title: one line of printable ASCII, nothing that acts in it, clipped. */
export function titleText(text: string): string {
  const ascii = inert(visible(text)).replace(
    /[^\x20-\x7e]|[`<>*[\]~|@&]|:(?=\/)|(?<=www)\./giu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return clip(ascii, TITLE).replace("…", "...");
}

/** Labels to filter by. None is of the agent's wording: it could fill the repository with labels. */
export function labelsOf({ proposal, breakGlass }: Pick<Approval, "proposal" | "breakGlass">): string[] {
  const severities = [...new Set(proposal.findings.map(({ severity }) => severity))];
  const labels = [
    "sallyport",
    ...(breakGlass === undefined ? [] : ["sallyport/break-glass"]),
    `connection/${proposal.connection}`,
    ...severities.map((severity) => `severity/${severity}`),
    ...proposal.rules.slice(0, 10).map((rule) => `rule/${rule}`),
  ];
  return [...new Set(labels.map((label) => label.replaceAll(",", " ").slice(0, LABEL)))];
}
