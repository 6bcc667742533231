import headless from "@xterm/headless";
import { harmless } from "./harmless.ts";
import type { TerminalSize } from "./stream-frames.ts";

/** Of the lines that left the screen so many can be drawn over again; the emulator keeps a cell for each place. */
const SCROLLBACK = 4_200;
/** No program of good will asks for more of anything: the emulator would count to two thousand million. */
const MOST = 1_000;
const LARGEST: TerminalSize = { cols: 500, rows: 200 };
/** Fewer than the lines that are kept, even where each is a line feed. */
const PIECE = 4_096;
/** A line that never ends is told in parts of so many rows. */
const LONGEST_LINE = 50;

/** All that a control sequence may end with, but for set and reset mode, whose numbers are names. */
const FINALS = Array.from({ length: 0x7e - 0x40 + 1 }, (_, i) => String.fromCharCode(0x40 + i)).filter(
  (final) => final !== "h" && final !== "l",
);
const KINDS = [
  {},
  ...[..."?>="].map((prefix) => ({ prefix })),
  ...[..." !$'\"*"].map((intermediates) => ({ intermediates })),
];
/** Insert and delete lines, scroll up and down: each moves rows one by one, as often as it is told. */
const BY_ROWS: ReadonlySet<string> = new Set(["L", "M", "S", "T"]);

/**
 * What a terminal shows of what is written to it, told as lines of text: colours and whatever else a control sequence
 * does are left behind, and no such sequence comes out of it. A line is told when the cursor has gone below it, and
 * again where it was drawn over since. What is cleared was shown, so it is told; of a full-screen program (an editor,
 * a pager), which draws all of it again and again, the last screen.
 */
export class TerminalScreen {
  readonly #terminal: InstanceType<typeof headless.Terminal>;
  /** At the first row of the normal buffer that was not told; the buffer's first one where absent. */
  #marker: { line: number; dispose(): void } | undefined;
  /** Told lines that the cursor has gone back above, to be told again only where they are others now. */
  #again: string[] = [];
  #told: string[] = [];
  #fullScreen: string[] | undefined;

  /** @param feeds Whether a line feed alone begins a new line: so it is where the program had no terminal of its own. */
  constructor(size: TerminalSize, feeds: boolean) {
    this.#terminal = new headless.Terminal({
      ...clipped(size),
      scrollback: SCROLLBACK,
      convertEol: feeds,
      scrollOnEraseInDisplay: true,
      allowProposedApi: true,
      logLevel: "off",
    });
    const tooMuch = (params: (number | number[])[], most: number): boolean => params.flat().some((one) => one > most);
    for (const kind of KINDS) {
      for (const final of FINALS) {
        const rows = BY_ROWS.has(final);
        this.#terminal.parser.registerCsiHandler({ ...kind, final }, (params) =>
          tooMuch(params, rows ? this.#terminal.rows : MOST),
        );
      }
    }
  }

  resize(size: TerminalSize): void {
    const { cols, rows } = clipped(size);
    this.#terminal.resize(cols, rows);
  }

  /** Writes, and returns the lines that are done. */
  async write(text: string): Promise<string[]> {
    const lines: string[] = [];
    for (let at = 0; at < text.length; at += PIECE) {
      const piece = text.slice(at, at + PIECE);
      await new Promise<void>((done) => this.#terminal.write(piece, done));
      lines.push(...this.#take());
    }
    return lines;
  }

  /** What is on the screen and was not told: the terminal goes. */
  end(): string[] {
    const { normal, active } = this.#terminal.buffer;
    const lines = active.type === "alternate" ? this.#leave(this.#rows(active, 0, active.length)) : [];
    lines.push(...this.#news(this.#rows(normal, this.#position(), normal.length)));
    while (lines.at(-1) === "") lines.pop();
    this.#terminal.dispose();
    return lines;
  }

  #take(): string[] {
    const { normal, active } = this.#terminal.buffer;
    if (active.type === "alternate") {
      this.#fullScreen = this.#rows(active, 0, active.length);
      return [];
    }
    const lines = this.#fullScreen === undefined ? [] : this.#leave(this.#fullScreen);
    const from = this.#position();
    const cursor = normal.baseY + normal.cursorY;
    let to = cursor;
    while (to > from && cursor - to < LONGEST_LINE && normal.getLine(to)?.isWrapped === true) to--;
    if (cursor - to >= LONGEST_LINE) to = cursor;
    if (to > from) lines.push(...this.#news(this.#rows(normal, from, to)));
    else if (cursor < from) this.#again = this.#told.slice(cursor - from);
    if (to > from || cursor < from) this.#mark(Math.min(to, cursor) - cursor);
    return lines;
  }

  #leave(screen: string[]): string[] {
    this.#fullScreen = undefined;
    while (screen.at(-1) === "") screen.pop();
    return ["(a full-screen program; the last that it showed:)", ...screen, "(it is over)"];
  }

  /** Without those that were told as they are. */
  #news(lines: string[]): string[] {
    const before = this.#again;
    this.#again = before.slice(lines.length);
    this.#told = [...this.#told.slice(0, this.#told.length - before.length), ...lines].slice(-LARGEST.rows);
    return lines.filter((line, i) => before[i] !== line);
  }

  #position(): number {
    // Rows that are no longer kept have gone with it.
    return Math.max(0, this.#marker?.line ?? 0);
  }

  #mark(offset: number): void {
    this.#marker?.dispose();
    this.#marker = this.#terminal.registerMarker(offset);
  }

  /** Rows as lines: those that a row continues are one. */
  #rows(
    buffer: { getLine(y: number): { isWrapped: boolean; translateToString(trim: boolean): string } | undefined },
    from: number,
    to: number,
  ): string[] {
    const lines: string[] = [];
    for (let y = from; y < to; y++) {
      const row = buffer.getLine(y);
      if (row === undefined) continue;
      const continued = buffer.getLine(y + 1)?.isWrapped === true && y + 1 < to;
      const text = harmless(row.translateToString(!continued));
      if (row.isWrapped && y > from) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines;
  }
}

function clipped({ cols, rows }: TerminalSize): TerminalSize {
  return { cols: Math.max(2, Math.min(cols, LARGEST.cols)), rows: Math.max(1, Math.min(rows, LARGEST.rows)) };
}
