import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EventRow } from "../../audit/event.ts";
import { storedBody } from "../../audit/recorder/contents.ts";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { base64At, encodingsOf } from "../../engine/mask/encodings.ts";
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

/** The few of them that a store holds of what its spool held. */
function plainFormsOf(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  const texts = [value, JSON.stringify(value).slice(1, -1), JSON.stringify(JSON.stringify(value)).slice(3, -3)];
  return [...texts, ...[0, 1, 2].map((offset) => base64At(bytes, offset))].map((text) => Buffer.from(text));
}

/** Whether any form of the value stands in any of the byte strings. */
export function standsIn(value: string, haystack: readonly Buffer[], forms = formsOf(value)): boolean {
  return haystack.some((bytes) => forms.some((form) => bytes.includes(form)));
}

/** Which of the values stand in what is too much to be searched for all forms of each. */
export function standingIn(values: readonly string[], haystack: readonly Buffer[]): string[] {
  const all = [Buffer.concat(haystack)];
  return values.filter((value) => standsIn(value, all, plainFormsOf(value)));
}

/** Every file below a folder, as it lies there. */
export function filesBelow(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path));
}

/** What the frames of a spool say, contents unpacked. */
function unpacked(spool: string): Buffer[] {
  return listSegments(spool).flatMap(({ segment }) =>
    readSegment(segmentPath(spool, segment), 0, undefined, 1 << 26).frames.map(
      (frame) => storedBody("", frame)?.content ?? frame.payload,
    ),
  );
}

/** What lies in a spool: its files, and what is in their frames. */
export function spoolBytes(spool: string): Buffer[] {
  return [...filesBelow(spool), ...unpacked(spool)];
}

/** What a gateway puts on record from now on: call what this returns for all of it so far, streams put together. */
export function recordFrom(rig: Rig): () => Buffer[] {
  const spool = join(rig.directory, "spool");
  const before = unpacked(spool).length;
  return () => {
    const frames = unpacked(spool).slice(before);
    return [...frames, ...streamsOf(frames)];
  };
}

/** All that a gateway has put on record so far. */
export function recordOf(rig: Rig): Buffer[] {
  return spoolBytes(join(rig.directory, "spool"));
}

/** What was recorded of each stream, its frames one after the other. */
function streamsOf(recorded: readonly Buffer[]): Buffer[] {
  const streams = new Map<string, Buffer[]>();
  for (const text of recorded) {
    if (!text.includes('"kind":"stream.frame"')) continue;
    const row = JSON.parse(text.toString("utf8")) as EventRow;
    for (const frame of JSON.parse(row.payload).frames as RecordedFrame[]) {
      const key = [row.exchange_id, frame.channel, frame.stream, frame.direction].join(" ");
      const parts = streams.get(key) ?? [];
      parts.push(Buffer.from(frame.data ?? "", "base64"));
      streams.set(key, parts);
    }
  }
  return [...streams.values()].map((parts) => Buffer.concat(parts));
}
