import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "undici";
import { residentMb } from "./child.ts";
import { askingFor, openReplies } from "./dialogue-clients.ts";
import { medianOf, type Target } from "./load.ts";
import type { Row } from "./table.ts";

const OPEN = 1_000;
const LARGE = 10_000_000;
const LARGE_TIMES = 5;
/** serve gives back what it no longer needs once a minute, and not before it rested for some seconds. */
const SETTLE_MS = 66_000;
const MOST_RESTS = 4;
const STILL_MB = 2;

/** Requests that the gateway gets by it. */
export const MEMORY_REQUESTS = LARGE_TIMES + OPEN + 1;

/** What open replies take, and a large one that streams through. */
export async function benchDialogueMemory(
  { bare, sockets, through }: Record<"bare" | "sockets" | "through", Target>,
  say: (what: string) => void,
): Promise<Row[]> {
  say("measuring replies of 10 MB");
  const large = [await peakOf(bare), await peakOf(through)];
  say(`measuring the memory of ${OPEN} open replies`);
  // Both at once: what is measured is at rest.
  return memoryRows(await Promise.all([memoryOf(bare), memoryOf(through), memoryOf(sockets)]), large);
}

/** The most memory that a reply of 10 MB took beyond rest, in MB: the peak of proc(5), which `5` in clear_refs begins anew. */
async function peakOf({ origin, path, caFile = "", headers = {}, pid = 0 }: Target): Promise<number> {
  const dispatcher = new Agent({ connect: { ca: readFileSync(caFile, "utf8") } });
  const peaks: number[] = [];
  try {
    for (let i = 0; i < LARGE_TIMES; i++) {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      writeFileSync(`/proc/${pid}/clear_refs`, "5");
      const rest = residentMb(pid);
      const body = askingFor(`large ${LARGE}`);
      const { statusCode, body: answer } = await request(`${origin}${path}`, {
        method: "POST",
        dispatcher,
        headers: { "content-type": "application/json", ...headers },
        body,
      });
      let size = 0;
      for await (const chunk of answer) size += (chunk as Buffer).length;
      if (statusCode !== 200 || size < LARGE)
        throw new Error(`a reply of ${LARGE} bytes came as ${statusCode}, ${size}`);
      const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      peaks.push((Number(kib) * 1_024) / 1e6 - rest);
    }
  } finally {
    await dispatcher.close();
  }
  return medianOf(peaks);
}

/** Bytes of memory for each of many open replies. */
async function memoryOf(target: Target): Promise<number> {
  const { pid = 0 } = target;
  // One beforehand, so that what the first ever costs is not shared among the others.
  (await openReplies(target, 1)).close();
  const before = await atRest(pid);
  const replies = await openReplies(target, OPEN);
  try {
    return (((await atRest(pid)) - before) * 1e6) / OPEN;
  } finally {
    replies.close();
  }
}

/** MB once no more is given back: what goes only after `before` was read would be taken off what the replies take. */
async function atRest(pid: number): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MOST_RESTS; i++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const now = residentMb(pid);
    if (last - now < STILL_MB) return now;
    last = now;
  }
  return last;
}

function memoryRows(
  [bare = Number.NaN, through = Number.NaN, sockets = Number.NaN]: number[],
  [bareLarge = Number.NaN, large = Number.NaN]: number[],
): Row[] {
  return [
    {
      what: `${OPEN} open replies: gateway, memory of one`,
      value: through / 1e3,
      unit: "KB",
      aim: { at: "most", value: 100 },
      beside: `${(bare / 1e3).toFixed(0)} KB of the pass-through, ${(sockets / 1e3).toFixed(0)} KB of Node's TLS sockets alone`,
    },
    {
      what: "a reply of 10 MB: gateway, memory above rest at its peak",
      value: large,
      unit: "MB",
      aim: { at: "most", value: 10 },
      beside: `${bareLarge.toFixed(1)} MB of the pass-through`,
    },
  ];
}
