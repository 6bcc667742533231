import type { GlobalOptions } from "../action.ts";
import { positive } from "../policy/positive.ts";
import { atMost, inBatches, printJsonList, write } from "./print-list.ts";
import { renderSessions } from "./render.ts";
import { type EvidenceSource, parseWhen } from "./source.ts";

export interface ListSessionsOptions extends GlobalOptions {
  since?: string;
  until?: string;
  user?: string;
  limit: string;
}

/** Lines whose columns are as wide as each other's: more are not held. */
const LINES = 500;

/** `sessions list`: writes a line a session as pages of them come, and says where the limit left out others. */
export async function printSessions(source: EvidenceSource, options: ListSessionsOptions): Promise<void> {
  const limit = options.limit === "all" ? Number.POSITIVE_INFINITY : positive("--limit", options.limit);
  const when = (text: string | undefined): number | undefined =>
    text && text !== "" ? parseWhen(text, Date.now()) : undefined;
  const filter = { since: when(options.since), until: when(options.until), user: options.user, limit: limit + 1 };
  const rest = { more: false };
  const sessions = atMost(source.sessions(filter), limit, rest);
  if (options.output === "json") {
    await printJsonList({ head: {}, name: "items", tail: () => ({ more: rest.more }) }, sessions);
    return;
  }
  let listed = 0;
  for await (const batch of inBatches(sessions, LINES)) {
    const text = renderSessions(batch);
    // The heading stands once.
    await write(`${listed === 0 ? text : text.slice(text.indexOf("\n") + 1)}\n`);
    listed += batch.length;
  }
  if (listed === 0) await write("no sessions\n");
  if (rest.more) await write(`and more: --limit ${10 * limit} or --limit all, or a shorter --since\n`);
}
