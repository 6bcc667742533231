import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { storedBody } from "../../audit/recorder/contents.ts";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { encodingsOf } from "../../engine/mask/encodings.ts";
import { spooled } from "./client.ts";
import type { Rig } from "./rig.ts";

interface RecordedFrame {
  channel: string;
  stream: number;
  direction?: string;
  data?: string;
}

/**
 * The byte strings under which a value could lie in a file: as it is, inside JSON to any depth that occurs here, in
 * base64 at each alignment, in base64 of base64, in hex and percent-encoded; the same of each of its halves, since what is
 * recorded in pieces holds no whole one.
 */
function formsOf(value: string): Buffer[] {
  const half = value.length >> 1;
  return [value, value.slice(0, half), value.slice(half)].flatMap((part) => {
    const once = encodingsOf(Buffer.from(part), true);
    const twice = [Buffer.from(part).toString("base64"), JSON.stringify(JSON.stringify(part)).slice(3, -3)];
    return [...once, ...twice.flatMap((text) => encodingsOf(Buffer.from(text), true))].map((form) => Buffer.from(form));
  });
}

/** Whether any form of the value stands in any of the byte strings. */
export function standsIn(value: string, haystack: readonly Buffer[]): boolean {
  const forms = formsOf(value);
  return haystack.some((bytes) => forms.some((form) => bytes.includes(form)));
}

/** Every file below a folder, as it lies there. */
export function filesBelow(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path));
}

/** What lies in a spool: its files, and what is in their frames, contents unpacked. */
export function spoolBytes(spool: string): Buffer[] {
  const frames = listSegments(spool).flatMap(({ segment }) =>
    readSegment(segmentPath(spool, segment), 0, undefined, 1 << 26).frames.map(
      (frame) => storedBody("", frame)?.content ?? frame.payload,
    ),
  );
  return [...filesBelow(spool), ...frames];
}

/** All that a gateway has put on record so far, streams put together. */
export function recordOf(rig: Rig): Buffer[] {
  return [...spoolBytes(join(rig.directory, "spool")), ...streamsOf(rig)];
}

/** What was recorded of each stream, its frames one after the other. */
function streamsOf(rig: Rig): Buffer[] {
  const streams = new Map<string, Buffer[]>();
  for (const row of spooled(rig)) {
    if (row.kind !== "stream.frame") continue;
    for (const frame of JSON.parse(row.payload).frames as RecordedFrame[]) {
      const key = [row.exchange_id, frame.channel, frame.stream, frame.direction].join(" ");
      const parts = streams.get(key) ?? [];
      parts.push(Buffer.from(frame.data ?? "", "base64"));
      streams.set(key, parts);
    }
  }
  return [...streams.values()].map((parts) => Buffer.concat(parts));
}
