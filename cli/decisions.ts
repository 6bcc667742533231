import type { Command } from "commander";
import type { EventRow } from "../audit/event.ts";
import { type Answer, action, type GlobalOptions } from "./action.ts";

export function register(program: Command): void {
  program
    .command("decisions")
    .description("why a request was allowed, held or refused")
    .command("show")
    .description("everything on record of one decision: its id is in the refusal's message")
    .argument("<id>")
    .option("--config <file>", "read the store directly, on the gateway's host, while no gateway runs")
    .action(action(show));
}

/** What was asked is on record too, where policy did not say to keep nothing of it. */
function questionOf(id: string, events: readonly EventRow[]): string[] {
  for (const { payload } of events) {
    const { input, facts } = JSON.parse(payload) as { input?: object; facts?: string };
    if (input === undefined) continue;
    const objects = facts === undefined ? "without its objects" : "with its objects";
    return [`question  on record ${objects}: sallyport policy explain --decision ${id}`];
  }
  return [];
}

async function show([id = ""]: string[], options: GlobalOptions & { config?: string }): Promise<Answer> {
  const { openEvidence } = await import("./evidence/source.ts");
  const { replay } = await import("../audit/replay.ts");
  const { harmless } = await import("../audit/harmless.ts");
  const source = await openEvidence(options.config);
  try {
    const events = await source.decision(id);
    const lines = [];
    for await (const { text } of replay(events)) lines.push(text);
    const first = events[0];
    const head =
      first === undefined
        ? []
        : [
            `decision  ${id}`,
            `session   ${first.session_id}`,
            `exchange  ${first.exchange_id}`,
            `policy    ${first.revision}`,
            ...questionOf(id, events),
          ];
    return { json: { id, events }, text: [...head.map(harmless), "", ...lines].join("\n") };
  } finally {
    await source.close();
  }
}
