import { describeEvent } from "./describe-event.ts";
import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import { isExec } from "./exec.ts";
import { harmless } from "./harmless.ts";
import { bodyLines, type ReadContent } from "./replay-bodies.ts";
import { DialogueTree, repliesFirst } from "./replay-dialogue.ts";
import { ExecReplay } from "./replay-exec.ts";
import { dialogueLines } from "./replay-words.ts";

export interface ReplayLine {
  /** Milliseconds since the epoch, of what the line tells: what a paced replay waits by. */
  at: number;
  text: string;
  event: EventRow;
  /** With `raw`, in place of a text: what an exec's terminal was sent. It is not safe to print. */
  raw?: Buffer;
}

export interface ReplayOptions {
  /** Fetches recorded content; bodies are left out where absent. */
  content?: ReadContent | undefined;
  /** Lines of a body that are shown at most; 40 where absent. */
  bodyLines?: number | undefined;
  /** What an exec's terminal was sent as it is, control sequences and all. */
  raw?: boolean | undefined;
  /** What was typed in an exec, also where its terminal showed it anyhow. */
  typed?: boolean | undefined;
  /** The events come as they happen: none waits for another that explains it. */
  live?: boolean | undefined;
}

const BENEATH = " ".repeat(14);
/** Execs at one time whose screens are kept: a session of more is told without those that began first. */
const SCREENS = 16;

/**
 * What happened in a session, for a person at a terminal, in the order of `events`. Every `text` is safe to print: what
 * a terminal would obey was made visible or left out.
 */
export async function* replay(
  events: Iterable<EventRow> | AsyncIterable<EventRow>,
  options: ReplayOptions = {},
): AsyncGenerator<ReplayLine> {
  const execs = new Map<string, ExecReplay>();
  const tree = new DialogueTree();
  let shown = "";
  for await (const event of options.live === true ? events : repliesFirst(events)) {
    const { depth, behind, beneath: because } = tree.place(event);
    const indent = "  ".repeat(depth);
    if (isExec(event) && TOLD.has(event.kind)) {
      const exec = execs.get(event.exchange_id) ?? new ExecReplay(event, options);
      execs.set(event.exchange_id, exec);
      for await (const { at, lines, raw } of exec.push(event)) {
        // Two at one time are told apart.
        if (lines.length > 0 && shown !== event.exchange_id && execs.size > 1)
          yield { at, text: whose(event, indent), event };
        if (lines.length > 0) shown = event.exchange_id;
        for (const line of lines) yield { at, text: `${BENEATH}${indent}  ${line}`, event };
        if (raw !== undefined) yield { at, text: "", event, raw };
      }
      if (event.kind === "stream.closed") execs.delete(event.exchange_id);
      else if (execs.size > SCREENS) execs.delete(execs.keys().next().value ?? "");
    }
    // The frames of a forwarded port are counted when it is closed.
    if (event.kind === "stream.frame") continue;
    const at = eventTime(event);
    const [head, ...rest] = isDialogue(event) ? tree.describe(event) : describeEvent(event);
    yield { at, text: `${event.at.slice(11, 23)}  ${indent}${head ?? ""}${behind}`, event };
    const beneath = [...because, ...rest, ...(await contents(event, options))];
    for (const text of beneath) yield { at, text: `${BENEATH}${indent}${text}`, event };
  }
}

function isDialogue({ kind }: EventRow): boolean {
  return typeof kind === "string" && kind.startsWith("dialogue.");
}

const TOLD: ReadonlySet<string> = new Set(["request.intent", "stream.frame", "stream.closed"]);

function whose({ subresource, namespace, name, exchange_id }: EventRow, indent: string): string {
  return `${BENEATH}${indent}  ${harmless(`(${subresource} in ${namespace}/${name}, exchange ${exchange_id})`)}`;
}

async function contents(event: EventRow, { content, bodyLines: most = 40 }: ReplayOptions): Promise<string[]> {
  if (isDialogue(event)) return dialogueLines(event, content, most);
  return content === undefined ? [] : bodyLines(event, content, most);
}
