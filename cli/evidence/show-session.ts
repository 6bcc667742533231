import { replay } from "../../audit/replay.ts";
import type { GlobalOptions } from "../action.ts";
import { positive } from "../policy/positive.ts";
import { atMost, printJsonList, write } from "./print-list.ts";
import { renderSession } from "./render.ts";
import type { EvidenceSource } from "./source.ts";

export interface ShowSessionOptions extends GlobalOptions {
  limit?: string;
}

/** `sessions show`: the session in short, and what happened in it as it is read; all of it where there is no limit. */
export async function showSession(source: EvidenceSource, id: string, options: ShowSessionOptions): Promise<void> {
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : positive("--limit", options.limit);
  const session = await source.session(id);
  const rest = { more: false };
  const events = atMost(source.events(id), limit, rest);
  if (options.output === "json") {
    const tail = () => (options.limit === undefined ? {} : { more: rest.more });
    await printJsonList({ head: { session }, name: "events", tail }, events);
    return;
  }
  await write(`${renderSession(session)}\n\n`);
  for await (const { text } of replay(events)) await write(`${text}\n`);
  if (rest.more)
    await write(`and more than ${limit} events: leave out --limit, or see \`sallyport sessions replay\`\n`);
}
