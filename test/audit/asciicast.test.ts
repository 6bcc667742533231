import { describe, expect, test } from "vitest";
import { asciicast, type CastOptions } from "../../audit/asciicast.ts";
import type { EventRow } from "../../audit/event.ts";
import { BEGUN, execDrafts, execRows, frame, rowsOf, size } from "./exec-events.ts";

async function cast(rows: EventRow[], options?: CastOptions): Promise<[Record<string, unknown>, unknown[][]]> {
  const lines: string[] = [];
  for await (const line of asciicast(rows, options)) lines.push(line);
  expect(lines.join("")).not.toContain("\n");
  const [header, ...events] = lines.map((line) => JSON.parse(line));
  return [header, events];
}

describe("an exec as asciicast v3", () => {
  test("begins with the terminal's first size, what ran, where and when", async () => {
    const frames = [size(10, 120, 40), frame(20, "stdout", "$ ")];
    const [header] = await cast(execRows({ tty: true, command: ["sh", "-c", "echo it's"], frames }));
    expect(header).toEqual({
      version: 3,
      term: { cols: 120, rows: 40 },
      timestamp: BEGUN / 1000,
      command: "sh -c 'echo it'\\''s'",
      title: "exec in a/web (app) on prod",
    });
  });

  test("holds output, what was typed, each size and the exit code, each after the seconds since the one before", async () => {
    const frames = [
      size(250, 80, 24),
      frame(500, "stdout", "\u001b[1m$ "),
      frame(1500, "stdin", "ls\r"),
      size(1500.5, 100, 30),
      frame(2000, "stderr", "é"),
    ];
    const [, events] = await cast(execRows({ tty: true, frames, end: 7 }));
    expect(events).toEqual([
      [0.25, "r", "80x24"],
      [0.25, "o", "\u001b[1m$ "],
      [1, "i", "ls\r"],
      [0.0005, "r", "100x30"],
      [0.4995, "o", "é"],
      [3, "x", "7"],
    ]);
  });

  test("does not hold what was typed where that is left out", async () => {
    const frames = [frame(1, "stdin", "secret\r"), frame(2, "stdout", "ok")];
    const [, events] = await cast(execRows({ tty: true, frames }), { input: false });
    expect(events.map(([, code]) => code)).toEqual(["o", "x"]);
  });

  test("a character that two frames share is one, and what is no UTF-8 becomes U+FFFD", async () => {
    const euro = Buffer.from("€");
    const frames = [
      frame(1, "stdout", euro.subarray(0, 2)),
      frame(2, "stdout", euro.subarray(2)),
      frame(3, "stdout", Buffer.from([0xff, 0x41])),
      frame(4, "stdout", euro.subarray(0, 1)),
    ];
    const [, events] = await cast(execRows({ tty: true, frames }));
    expect(events.map(([, code, data]) => [code, data])).toEqual([
      ["o", "€"],
      ["o", "\ufffdA"],
      ["o", "\ufffd"],
      ["x", "0"],
    ]);
  });

  test("without a terminal in the container lines begin in the first column, as kubectl's own terminal shows them", async () => {
    const frames = [frame(1, "stdout", "a\nb\r"), frame(2, "stdout", "\nc\n")];
    for (const tty of [false, undefined]) {
      const [header, events] = await cast(execRows({ ...(tty === undefined ? {} : { tty }), frames }));
      expect(header.term).toEqual({ cols: 80, rows: 24 });
      expect(events.slice(0, 2).map(([, , data]) => data)).toEqual(["a\r\nb\r", "\nc\r\n"]);
    }
  });

  test("says once for each channel what is not on record, and why an exec was cut", async () => {
    const frames = [frame(1, "stdin"), frame(2, "stdout"), frame(3, "stdout")];
    const [, events] = await cast(execRows({ tty: true, frames, end: "the session was killed" }));
    expect(events.map(([, code, data]) => [code, data])).toEqual([
      ["m", "stdin is not on record"],
      ["m", "stdout is not on record"],
      ["m", "the session was killed"],
    ]);
  });

  test("never goes back in time, whatever the clock did", async () => {
    const frames = [frame(3000, "stdout", "a"), frame(1000, "stdout", "b"), frame(3500, "stdout", "c")];
    const [, events] = await cast(execRows({ tty: true, frames }));
    expect(events.map(([interval]) => interval)).toEqual([3, 0, 0.5, 1.5]);
  });

  test("is of one exec: the first, or the one that is named; and there is none without one", async () => {
    const one = execDrafts({ tty: true, frames: [frame(1, "stdout", "one")] });
    const two = execDrafts({ tty: true, frames: [frame(1, "stdout", "two")], over: { exchange_id: "e-2" } });
    const rows = rowsOf(one.flatMap((draft, i) => [draft, two[i] ?? {}, { kind: "request.outcome" }]));
    for (const [exchange, said] of [
      [undefined, "one"],
      ["e-2", "two"],
    ] as const) {
      const [, events] = await cast(rows, { exchange });
      expect(events.map(([, , data]) => data)).toEqual([said, "0"]);
    }
    expect(await cast(rowsOf([{ kind: "request.outcome" }]))).toEqual([undefined, []]);
  });

  test("an exec that nobody has ended is as long as it is by now", async () => {
    expect(await cast(execRows({ tty: true, frames: [] }).slice(0, 1))).toMatchObject([{ version: 3 }, []]);
  });

  test.each<[string, object[]]>([
    ["is no object", [null, 3, "x"] as never[]],
    ["has a channel of its own", [{ at: 1, channel: "__proto__", stream: 1, bytes: 1, data: "eA==" }]],
    ["has a size of no sense", [{ ...frame(1, "resize", '{"Width":-1,"Height":"x"}{]'), at: "x" }]],
    ["has data that are no text", [{ ...frame(1, "stdout"), data: 3, bytes: 0 }]],
  ])("leaves out a recorded frame that %s", async (_, frames) => {
    const [header, events] = await cast(execRows({ tty: true, frames: frames as never[] }));
    expect(header.term).toEqual({ cols: 80, rows: 24 });
    expect(events).toEqual([[5, "x", "0"]]);
  });

  test("a size that no terminal has is cut to one that a player can bear", async () => {
    const [header] = await cast(execRows({ tty: true, frames: [size(1, 2_000_000, 70_000)] }));
    expect(header.term).toEqual({ cols: 1000, rows: 500 });
  });
});
