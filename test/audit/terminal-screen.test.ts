import { describe, expect, test } from "vitest";
import { TerminalScreen } from "../../audit/terminal-screen.ts";

const CLEAR = "\u001b[2J\u001b[H";

/** What is told after each write, and at the end. */
async function told(writes: string[], { feeds = false, cols = 20, rows = 5 } = {}): Promise<string[][]> {
  const screen = new TerminalScreen({ cols, rows }, feeds);
  const lines: string[][] = [];
  for (const text of writes) lines.push(await screen.write(text));
  return [...lines, screen.end()];
}

describe("what a terminal showed, as lines", () => {
  test.each<[string, string[], string[][]]>([
    [
      "a line, when it has ended",
      ["$ ls\r", "\none\r\ntw", "o\r\n"],
      [[], ["$ ls", "one"].slice(0, 1).concat("one"), ["two"], []],
    ],
    ["a line as it was when it ended, whatever was drawn over it", ["10%\r50%\r", "100%\r\n"], [[], ["100%"], []]],
    ["what a backspace and an erase have taken away as gone", ["lz\bs\u001b[K\r\n"], [["ls"], []]],
    [
      "no colours, titles, bells, and nothing of a clipboard",
      ["\u001b[31mred\u001b[0m\u0007\u001b]0;title\u0007\u001b]52;c;ZXZpbA==\u0007\r\n"],
      [["red"], []],
    ],
    ["what was cleared", [`one\r\ntwo${CLEAR}three\r\n`], [["one", "two", "", "", "", "three"].filter(Boolean), []]],
    ["a long line as one", [`${"x".repeat(45)}\r\n`], [["x".repeat(45)], []]],
    [
      "more lines than the screen has",
      [Array.from({ length: 30 }, (_, i) => `${i}\r\n`).join("")],
      [Array.from({ length: 30 }, (_, i) => `${i}`), []],
    ],
    [
      "lines that were drawn over again, and only those",
      ["a\r\nb\r\nc\r\n", "\u001b[3A", "a\r\nB\r\nc\r\n", "d\r\n"],
      [["a", "b", "c"], [], ["B"], ["d"], []],
    ],
    ["what is left on the screen at the end", ["$ sleep 9"], [[], ["$ sleep 9"]]],
  ])("tells %s", async (_, writes, expected) => {
    expect(await told(writes)).toEqual(expected);
  });

  test("tells the last screen of a full-screen program, and what was there before it is there after it", async () => {
    const [before, during, after, end] = await told([
      "$ vi\r\n",
      "\u001b[?1049h\u001b[2J\u001b[Hfile\r\n~\r\n~",
      "\u001b[?1049l$ ",
    ]);
    expect([before, during]).toEqual([["$ vi"], []]);
    expect(after).toEqual(["(a full-screen program; the last that it showed:)", "file", "~", "~", "(it is over)"]);
    expect(end).toEqual(["$ "]);
    expect((await told(["\u001b[?1049hstill here"])).at(-1)).toContain("still here");
  });

  test("begins a line at a line feed alone where the program had no terminal", async () => {
    expect(await told(["one\ntwo\n"], { feeds: true })).toEqual([["one", "two"], []]);
  });

  test("follows the terminal's size", async () => {
    const screen = new TerminalScreen({ cols: 10, rows: 5 }, false);
    screen.resize({ cols: 40, rows: 5 });
    expect(await screen.write(`${"x".repeat(30)}\r\n`)).toEqual(["x".repeat(30)]);
    screen.resize({ cols: 1_000_000, rows: 1_000_000 });
    screen.end();
  });

  test.each([..."@ILMSTbX"])("is not held up by a sequence that asks for two thousand million of %s", async (final) => {
    const flood = `\u001b[2147483647${final}`.repeat(1000);
    const lines = await told([`a${flood}\r\nb\r\n`]);
    expect(lines.flat()).toContain("b");
  });

  test("is not held up by lines, titles or characters without an end, and tells no control character", async () => {
    const endless = [
      "x".repeat(100_000),
      `\u001b]0;${"t".repeat(100_000)}`,
      "e\u0301".repeat(1000),
      "\u009b\u202e\u200f\u0090",
    ];
    const lines = (await told([...endless, "\u001b\\\u0018", "done\r\n"])).flat();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for them is the point
    expect(lines.join("\n")).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u200f]/);
    expect(lines.join("")).toContain("done");
  });
});
