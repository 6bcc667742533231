import { describe, expect, test } from "vitest";
import { KnownValues } from "../../../engine/mask/known-values.ts";
import { RecordedFrames } from "../../../proxy/withhold/recorded-frames.ts";

const VALUE = "0b3f7c-correct-horse-battery";
const STARS = "*".repeat(VALUE.length);

interface Frame {
  n: number;
  data?: string;
}

function knowing(...values: string[]): KnownValues {
  const known = new KnownValues();
  for (const value of values) known.add(value);
  return known;
}

const said = (frames: readonly Frame[]): [number, string][] =>
  frames.map(({ n, data }) => [n, Buffer.from(data ?? "", "base64").toString("latin1")]);

function rig(known: readonly KnownValues[]) {
  const frames = new RecordedFrames<Frame>();
  let n = 0;
  return {
    frames,
    say: (key: string, text: string) => frames.add({ n: ++n }, { key, payload: Buffer.from(text, "latin1"), known }),
    note: () => frames.add({ n: ++n }),
  };
}

describe("the record's copy of a tunnel", () => {
  test("keeps its frames' lengths and order, and overwrites what stands across them", () => {
    const { frames, say, note } = rig([knowing(VALUE)]);
    for (const letter of VALUE) say("up", letter);
    note();
    say("up", "\n");
    const out = said(frames.take(true));
    expect(out.map(([n]) => n)).toEqual(out.map((_one, i) => i + 1));
    expect(out.map(([, text]) => text).join("")).toBe(`${STARS}\n`);
    expect(out.filter(([, text]) => text.length === 1)).toHaveLength(VALUE.length + 1);
  });

  test("searches each stream by itself, and one that pauses holds back what comes after it", () => {
    const { frames, say } = rig([knowing(VALUE)]);
    say("up", VALUE.slice(0, 9));
    say("down", VALUE);
    expect(frames.take()).toEqual([]);
    say("up", VALUE.slice(9));
    expect(said(frames.take())).toEqual([
      [1, STARS.slice(0, 9)],
      [2, STARS],
      [3, STARS.slice(9)],
    ]);
    expect(frames.held).toBe(false);
  });

  test("gives up what could still become a value when it is asked to, and overwrites what completes it", () => {
    const { frames, say } = rig([knowing(VALUE)]);
    say("up", VALUE.slice(0, 3));
    expect(said(frames.take(true))).toEqual([[1, VALUE.slice(0, 3)]]);
    say("up", VALUE.slice(3));
    expect(said(frames.take(true))).toEqual([[2, STARS.slice(3)]]);
  });

  test("waits no longer than a megabyte goes by", () => {
    const { frames, say } = rig([knowing(VALUE)]);
    say("up", VALUE.slice(0, 3));
    for (let i = 0; i < 16; i++) say("down", "x".repeat(65_536));
    expect(frames.take()).toHaveLength(17);
  });

  test("is searched for what any of the sources knows, also for what it gets to know meanwhile", () => {
    const [known, later] = [knowing(), knowing()];
    const { frames, say } = rig([known, later]);
    say("up", "before ");
    known.add(VALUE);
    later.add("another-value-7f21");
    say("up", `${VALUE} another-value-7f21`);
    expect(said(frames.take(true))).toEqual([
      [1, "before "],
      [2, `${STARS} ${"*".repeat(18)}`],
    ]);
  });

  test("keeps nothing of what can no longer be searched, since its session has ended", () => {
    const known = knowing(VALUE);
    const { frames, say } = rig([known]);
    say("up", VALUE.slice(0, 9));
    known.forget();
    say("up", VALUE.slice(9));
    expect(said(frames.take(true))).toEqual([
      [1, STARS.slice(0, 9)],
      [2, STARS.slice(9)],
    ]);
  });

  test("gives up what a stream ends with, and keeps nothing of streams that are over: a port is forwarded for days", () => {
    const { frames, say } = rig([knowing(VALUE)]);
    for (let i = 0; i < 100; i++) {
      say(`up data ${i}`, `${VALUE} ${VALUE.slice(0, 9)}`);
      expect(frames.take()).toEqual([]);
      frames.end(`up data ${i}`);
      expect(said(frames.take())).toEqual([[i + 1, `${STARS} ${VALUE.slice(0, 9)}`]]);
    }
    say("up data 100", "a");
    expect(frames.streams).toBe(1);
  });
});
