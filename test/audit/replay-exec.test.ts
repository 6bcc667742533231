import { describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { type ReplayOptions, replay } from "../../audit/replay.ts";
import { execDrafts, execRows, frame, rowsOf, size } from "./exec-events.ts";

async function told(rows: EventRow[], options?: ReplayOptions): Promise<string[]> {
  const lines: string[] = [];
  for await (const { text, raw } of replay(rows, options))
    lines.push(raw === undefined ? text : `raw ${JSON.stringify(raw.toString())}`);
  return lines;
}

describe("an exec in a replay", () => {
  test("is told as its terminal showed it, with what ran and how it ended", async () => {
    const frames = [
      size(1, 80, 24),
      frame(100, "stdout", "$ "),
      frame(200, "stdin", "ls\r"),
      frame(201, "stdout", "ls\r\n\u001b[34mbin\u001b[0m\r\n"),
      frame(3000, "stdout", "$ exit\r\n"),
    ];
    const lines = await told(execRows({ tty: true, command: ["sh", "-c", "exec bash"], frames, end: 3 }));
    expect(lines.join("\n")).toMatchInlineSnapshot(`
      "10:00:00.000  corp:alice@example.com asked: get pods/exec a/web on prod
                      runs sh -c 'exec bash' in container app, on a terminal
                      on record before it is forwarded
                      | $ ls
                      | bin
                      | $ exit
      10:00:05.000  exec in a/web ended with exit code 3"
    `);
  });

  test("gives each line the time of its frame", async () => {
    const frames = [frame(100, "stdout", "a\n"), frame(2500, "stdout", "b\n")];
    const times: number[] = [];
    const rows = execRows({ tty: false, frames });
    for await (const { at, text } of replay(rows)) if (text.includes("| ")) times.push(at);
    expect(times.map((at) => at - (times[0] ?? 0))).toEqual([0, 2400]);
  });

  test("shows what was typed where no terminal did, and everywhere if asked", async () => {
    const frames = [frame(1, "stdin", "rm -r"), frame(2, "stdin", "f /\nexit")];
    expect(await told(execRows({ tty: false, frames }))).toEqual(
      expect.arrayContaining([expect.stringMatching(/ > rm -rf \/$/), expect.stringMatching(/ > exit$/)]),
    );
    const rows = execRows({ tty: true, frames });
    expect((await told(rows)).join()).not.toContain("rm -rf");
    expect((await told(rows, { typed: true })).join()).toContain("> rm -rf /");
  });

  test("counts bytes that are no text, and says what is not on record", async () => {
    const frames = [
      frame(1, "stdout", Buffer.from([0, 1, 2])),
      frame(2, "stdout", Buffer.from([0, 1])),
      frame(3, "stdout", "text\n"),
      frame(4, "stderr"),
      frame(5, "stderr"),
    ];
    const lines = (await told(execRows({ tty: false, frames }))).map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining(["(5 bytes that are no text)", "| text", "(stderr is not on record)"]),
    );
    expect(lines.filter((line) => line.includes("not on record"))).toHaveLength(1);
  });

  test("tells two at one time apart", async () => {
    const one = execDrafts({ tty: false, frames: [frame(1, "stdout", "of one\n")] });
    const two = execDrafts({
      tty: false,
      frames: [frame(1, "stdout", "of two\n")],
      over: { exchange_id: "e-2", name: "db" },
    });
    const lines = await told(rowsOf(one.flatMap((draft, i) => [draft, two[i] ?? {}])));
    const at = (text: string): number => lines.findIndex((line) => line.includes(text));
    expect(lines[at("| of one") - 1]).toContain("(exec in a/web, exchange e-1)");
    expect(lines[at("| of two") - 1]).toContain("(exec in a/db, exchange e-2)");
  });

  const EVIL =
    "\u001b]0;owned\u0007\u009b2J\u001b[2J\u001b[H\u001bc\u001bP+q\u001b\\\u202egnp.exe\u001b]8;;file:///etc\u0007x\r\n";

  test.each([true, false, undefined])("obeys no control sequence of its own: tty %s", async (tty) => {
    const frames = [frame(1, "stdout", EVIL), frame(2, "stderr", EVIL), frame(3, "stdin", EVIL), size(4, 9, 9)];
    const rows = execRows({ ...(tty === undefined ? {} : { tty }), frames, command: [EVIL], over: { name: EVIL } });
    const lines = await told(rows, { typed: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for them is the point
    expect(lines.join("\n")).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(lines.join("\n")).toContain("gnp.exe");
  });

  test("only with raw is the output as it was sent, and never what was typed", async () => {
    const frames = [frame(1, "stdout", EVIL), frame(2, "stdin", "typed\r"), frame(3, "stderr", "no\u0007")];
    const lines = await told(execRows({ tty: true, frames }), { raw: true });
    expect(lines.filter((line) => line.startsWith("raw"))).toEqual([
      `raw ${JSON.stringify(EVIL)}`,
      `raw ${JSON.stringify("no\u0007")}`,
    ]);
    expect(lines.join()).not.toContain("typed");
  });

  test("a forwarded port is its bytes by channel", async () => {
    const frames = [frame(1, "data", "GET / HTTP/1.1\r\n")];
    const over = { subresource: "portforward" };
    const drafts = execDrafts({ frames, over, end: "the client closed it" });
    const closed = { ...drafts[2], payload: { reason: "the client closed it", bytes: { data: 16 } } };
    const lines = (await told(rowsOf([...drafts.slice(0, 2), closed]))).map((line) => line.trim());
    expect(lines).toEqual(expect.arrayContaining(["bytes: data 16"]));
    expect(lines.join()).not.toContain("GET /");
  });
});
