import type { EventRow } from "../../audit/event.ts";
import { replay } from "../../audit/replay.ts";
import { UserError } from "../../base/errors.ts";
import type { GlobalOptions } from "../action.ts";
import { positive } from "../policy/positive.ts";
import { pace } from "./pace.ts";
import { write } from "./print-list.ts";
import type { EvidenceSource } from "./source.ts";

export interface ReplaySessionOptions extends GlobalOptions {
  speed?: string;
  step?: true;
  follow?: true;
  exec?: string;
  raw?: true;
  typed?: true;
  bodies: string;
}

/**
 * What a program in a container may have left switched on in the reader's terminal: colours, the alternate screen, a
 * hidden cursor, mouse reports, bracketed paste, another character set.
 */
const RESTORE =
  "\u001b[0m\u001b[?1049l\u001b[?25h\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?2004l\u001b(B\u001b>\r\n";

/** Writes a session on stdout as it happened: at once, at its own pace, step by step, or while it goes on. */
export async function replaySession(source: EvidenceSource, id: string, options: ReplaySessionOptions): Promise<void> {
  const { exec, raw = false, typed = false } = options;
  const pacing = pacingOf(options);
  await source.session(id);
  const asStored = options.output === "json";
  const all = options.follow === true ? following(source, id, asStored) : source.events(id, { asStored });
  const events = exec === undefined ? all : only(all, exec);
  const content = source.content.bind(source);
  if (asStored) return printEvents(events);
  const live = options.follow === true;
  const lines = replay(events, { content, bodyLines: positive("--bodies", options.bodies), raw, typed, live });
  let told = 0;
  let unrestored = false;
  for await (const line of pace(lines, pacing)) {
    told++;
    if (line.raw === undefined && unrestored) process.stdout.write(RESTORE);
    unrestored = line.raw !== undefined;
    await write(line.raw ?? `${line.text}\n`);
  }
  if (unrestored) process.stdout.write(RESTORE);
  if (told === 0 && exec !== undefined) {
    throw new UserError(`no exchange ${JSON.stringify(exec)} is on record in this session`, {
      exitCode: 1,
      next: "See `sallyport sessions replay` without --exec, or with --output json.",
    });
  }
}

function pacingOf({ speed, step, follow }: ReplaySessionOptions): { speed: number | undefined; step: boolean } {
  if (follow === true && (speed !== undefined || step === true)) {
    throw new UserError("--follow tells what happens when it happens: it takes no --speed and no --step", {
      exitCode: 2,
    });
  }
  return { speed: speed === undefined ? undefined : factor(speed), step: step === true };
}

function following(source: EvidenceSource, id: string, asStored: boolean): AsyncIterable<EventRow> {
  if (source.follow !== undefined) return source.follow(id, { asStored });
  throw new UserError("--follow asks the running gateway, and --config reads the store while none runs", {
    exitCode: 2,
    next: "Leave out --config.",
  });
}

async function* only(events: AsyncIterable<EventRow>, exchange: string): AsyncGenerator<EventRow> {
  for await (const event of events) if (event.exchange_id === exchange) yield event;
}

/** NDJSON, so that what follows can be read as it comes. */
async function printEvents(events: AsyncIterable<EventRow>): Promise<void> {
  for await (const event of events) await write(`${JSON.stringify(event)}\n`);
}

function factor(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UserError(`--speed ${text}: must be a number above 0`, { exitCode: 2 });
}
