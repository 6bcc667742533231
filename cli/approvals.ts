import type { Command } from "commander";
import { type Answer, action, type GlobalOptions } from "./action.ts";

interface DecideOptions extends GlobalOptions {
  reason?: string;
  seen?: string;
  yes?: true;
}

interface TakeOptions extends GlobalOptions {
  reason: string;
  yes?: true;
}

export function register(program: Command): void {
  const approvals = program.command("approvals").description("requests that wait for a person's decision");
  approvals
    .command("list")
    .description("approvals that you asked for or can decide, newest first")
    .option("--state <state>", "only these: pending, approved, consumed, denied, expired, cancelled, revoked")
    .option("--limit <n>", "at most so many", "50")
    .action(action(list));
  approvals
    .command("show")
    .description("one approval: who asks, what changes, and the file that approving refers to")
    .argument("<name>")
    .action(action(show));
  const decide = (verb: "approve" | "deny", description: string): void => {
    approvals
      .command(verb)
      .description(description)
      .argument("<name>")
      .option("--reason <text>", verb === "deny" ? "why; the agent is told" : "why; it is put on record")
      .option("--seen <sha256>", "decide about this very file, as an earlier show printed it")
      .option("-y, --yes", "don't show it and ask first")
      .action(action((args: string[], options: DecideOptions) => decision(verb, args, options)));
  };
  decide("approve", "let a request through, once, as it was shown; or accept what broke the glass");
  decide("deny", "refuse a request, and the same again for ten minutes; or reject what broke the glass");
  const take = (verb: "revoke" | "break-glass", description: string, why: string): void => {
    approvals
      .command(verb)
      .description(description)
      .argument("<name>")
      .requiredOption("--reason <text>", why)
      .option("-y, --yes", "don't show it and ask first")
      .action(action((args: string[], options: TakeOptions) => taken(verb, args, options)));
  };
  take(
    "revoke",
    "take an approval back: what is not used is no more, and streams on it end",
    "why; it is put on record",
  );
  take(
    "break-glass",
    "let a request through now on your own word; it must be reviewed afterwards",
    "why it cannot wait",
  );
  approvals
    .command("status")
    .description("how the policy-exceptions repository is: 1 where something is wrong with it")
    .action(action(status));
  approvals
    .command("reset")
    .description("say that main is right as it is now, after its history was rewritten")
    .requiredOption("--commit <id>", "the tip of main that you looked at, as `approvals status` shows it")
    .requiredOption("--reason <text>", "why it was rewritten; it is put on record")
    .action(action(reset));
}

async function taken(
  verb: "revoke" | "break-glass",
  [name = ""]: string[],
  { reason, yes }: TakeOptions,
): Promise<Answer> {
  const { withApprovals, confirm } = await import("./approvals/client.ts");
  const { renderTogether } = await import("./approvals/render.ts");
  return withApprovals("decide", async (api) => {
    if (yes !== true) {
      const approval = await api.get(name);
      process.stderr.write(`${renderTogether(approval)}\n`);
      const sure = await confirm(verb === "revoke" ? "Take this back? [y/N] " : "Let this through unreviewed? [y/N] ");
      if (!sure) return { json: approval, text: "nothing was done", exitCode: 1 };
    }
    const settled = await api.take(verb, name, { reason });
    return { json: settled, text: `${name} is ${settled.state}` };
  });
}

async function status(): Promise<Answer> {
  const { withApprovals } = await import("./approvals/client.ts");
  const { renderRepository, isWell } = await import("./approvals/repository.ts");
  return withApprovals("read", async (api) => {
    const repository = await api.repository();
    return { json: repository, text: renderRepository(repository), exitCode: isWell(repository) ? 0 : 1 };
  });
}

async function reset(_: string[], { commit, reason }: { commit: string; reason: string }): Promise<Answer> {
  const { withApprovals } = await import("./approvals/client.ts");
  return withApprovals("decide", async (api) => {
    const repository = await api.reset({ commit, reason });
    return { json: repository, text: `main counts again as it is at ${commit}` };
  });
}

async function list(_: string[], options: GlobalOptions & { state?: string; limit: string }): Promise<Answer> {
  const { withApprovals } = await import("./approvals/client.ts");
  const { renderList } = await import("./approvals/render.ts");
  return withApprovals("read", async (api) => {
    const answer = await api.list({ state: options.state, limit: options.limit });
    return { json: answer, text: renderList(answer.items) };
  });
}

async function show([name = ""]: string[]): Promise<Answer> {
  const { withApprovals } = await import("./approvals/client.ts");
  const { renderTogether } = await import("./approvals/render.ts");
  return withApprovals("read", async (api) => {
    const approval = await api.get(name);
    return { json: approval, text: renderTogether(approval) };
  });
}

async function decision(verb: "approve" | "deny", [name = ""]: string[], options: DecideOptions): Promise<Answer> {
  const { withApprovals, confirm } = await import("./approvals/client.ts");
  const { renderTogether } = await import("./approvals/render.ts");
  const { UserError } = await import("../base/errors.ts");
  if (verb === "deny" && (options.reason ?? "").trim() === "")
    throw new UserError("a denial needs a reason: it is what the agent is told", {
      exitCode: 2,
      next: 'Add --reason "…".',
    });
  return withApprovals("decide", async (api) => {
    const approval = await api.get(name);
    if (options.yes !== true) {
      process.stderr.write(`${renderTogether(approval)}\n`);
      const sure = await confirm(`${verb === "approve" ? "Approve" : "Deny"} this? [y/N] `);
      if (!sure) return { json: approval, text: "nothing was decided", exitCode: 1 };
    }
    const settled = await api.decide(verb, name, { reason: options.reason, seen: options.seen ?? approval.seen });
    const waits = verb === "approve" && settled.state === "pending";
    return { json: settled, text: waits ? `${name} needs more approvals` : `${name} is ${settled.state}` };
  });
}
