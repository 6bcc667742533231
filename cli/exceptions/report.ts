import type { StandingException } from "../../approvals/standing/exception.ts";
import { UserError } from "../../base/errors.ts";
import { type ExceptionUse, exceptionUses } from "../../proxy/backtest/exception-use.ts";
import type { Answer } from "../action.ts";
import { parseWhen } from "../evidence/source.ts";
import { cell, code } from "../policy/markdown.ts";
import { printable } from "../style.ts";
import { standingExceptions } from "./files.ts";
import { decisionsOf, type RecordFlags } from "./record.ts";

export interface ReportFlags extends RecordFlags {
  expiring: string;
}

/** `sallyport exceptions report`: what could go, and what could be narrower. */
export async function report(named: readonly string[], flags: ReportFlags): Promise<Answer> {
  const now = Date.now();
  const soonMs = now - parseWhen(flags.expiring, now);
  if (soonMs <= 0) throw new UserError(`--expiring ${flags.expiring}: must be how long, as in 14d`, { exitCode: 2 });
  const broken: string[] = [];
  const exceptions =
    named.length === 0 ? await inForce() : await standingExceptions(named, ({ name }) => void broken.push(name));
  const uses = await exceptionUses(decisionsOf(flags, { dialogues: true }), exceptions, { now, soonMs });
  const since = flags.since ?? "the start of the record";
  const rest = broken.length === 0 ? "" : `not valid, and left out: ${broken.join(", ")}`;
  return {
    json: { items: uses, broken },
    text: flags.markdown === true ? markdown(uses, since, rest) : text(uses, since, rest),
  };
}

async function inForce(): Promise<StandingException[]> {
  const { exceptionsInForce } = await import("./client.ts");
  const { items } = await exceptionsInForce();
  return items.map(({ notAfter, maxUses, ...rest }) => ({
    ...(rest as Omit<StandingException, "notAfter" | "maxUses">),
    notAfter: Date.parse(notAfter),
    maxUses,
  }));
}

const SECTIONS: { title: string; of(use: ExceptionUse): boolean; says(use: ExceptionUse): string[] }[] = [
  {
    title: "never used",
    of: ({ uses, expired }) => uses === 0 && !expired,
    says: ({ notAfter }) => [`ends ${notAfter.slice(0, 10)}`],
  },
  {
    title: "ends soon",
    of: ({ expiring }) => expiring,
    says: ({ notAfter, lastUsedAt }) => [
      `ends ${notAfter.slice(0, 16)}`,
      lastUsedAt === undefined ? "never used" : `last used ${lastUsedAt.slice(0, 10)}`,
    ],
  },
  {
    title: "has ended, and can be deleted",
    of: ({ expired }) => expired,
    says: ({ notAfter }) => [`ended ${notAfter.slice(0, 10)}`],
  },
  {
    title: "wider than its use",
    of: ({ wider }) => wider.length > 0,
    says: ({ wider }) =>
      wider.map(
        ({ path, allows, used }) => `${path} allows ${allows.join(", ") || "anything"}; used: ${used.join(", ")}`,
      ),
  },
];

function text(uses: readonly ExceptionUse[], since: string, rest: string): string {
  const lines = [`${uses.length} exceptions, by what is on record since ${since}`];
  for (const { title, of, says } of SECTIONS) {
    const some = uses.filter(of);
    if (some.length > 0) lines.push("", `${title}:`);
    for (const use of some) lines.push(`  ${use.name}: ${says(use).join("; ")}`);
  }
  if (!uses.some((use) => SECTIONS.some(({ of }) => of(use))))
    lines.push("", "each of them is used, and no wider than its use");
  if (rest !== "") lines.push("", rest);
  return lines.map(printable).join("\n");
}

function markdown(uses: readonly ExceptionUse[], since: string, rest: string): string {
  const lines = ["### Use of exceptions", "", `${uses.length} exceptions, by what is on record since ${cell(since)}.`];
  for (const { title, of, says } of SECTIONS) {
    const some = uses.filter(of);
    if (some.length === 0) continue;
    lines.push(
      "",
      `| ${title} | |`,
      "|---|---|",
      ...some.map((use) => `| ${code(use.name)} | ${cell(says(use).join("; "))} |`),
    );
  }
  if (rest !== "") lines.push("", cell(rest));
  return `${lines.join("\n")}\n`;
}
