/** Half-open, in bytes. */
export interface Range {
  start: number;
  end: number;
}

/** A piece of what a layer was made of, and where what it decodes to stands in the layer. */
export interface Part extends Range {
  at: number;
  length: number;
}

/** A way to write text down. */
export interface Coding {
  /** Which of the bytes of `part` say what stands from `from` to `to` in what they decode to. */
  locate(bytes: Uint8Array, part: Range, from: number, to: number): Range;
}

/**
 * A text that was read out of another one (the strings of a JSON body, base64 inside of them, what is compressed inside of
 * that), so that what is found in it can be told in bytes of the outermost. Its parts stand one after the other.
 */
export class Layer {
  readonly bytes: Buffer;
  readonly parts: readonly Part[];
  readonly #coding: Coding;
  #stretches: readonly Range[] | undefined;
  /** What it was read out of: a layer, or the outermost bytes. */
  readonly #source: Layer | Uint8Array;

  constructor(bytes: Buffer, parts: readonly Part[], coding: Coding, source: Layer | Uint8Array) {
    this.bytes = bytes;
    this.parts = parts;
    this.#coding = coding;
    this.#source = source;
  }

  /** What is read on without a break: each part by itself, and parts that go on in each other together. */
  get stretches(): readonly Range[] {
    this.#stretches ??= this.#together();
    return this.#stretches;
  }

  /** The stretches in which a byte stands. */
  having(byte: number): Range[] {
    const found: Range[] = [];
    let next = 0;
    for (let at = this.bytes.indexOf(byte); at >= 0 && next < this.stretches.length; ) {
      while (next < this.stretches.length && (this.stretches[next] as Range).end <= at) next++;
      const stretch = this.stretches[next];
      if (stretch === undefined) break;
      if (stretch.start <= at) {
        found.push(stretch);
        next++;
      }
      at = this.bytes.indexOf(byte, Math.max(at + 1, stretch.start <= at ? stretch.end : stretch.start));
    }
    return found;
  }

  #together(): Range[] {
    const found: Range[] = [];
    for (const { at, length } of this.parts) {
      const last = found.at(-1);
      if (last !== undefined && last.end === at) last.end = at + length;
      else found.push({ start: at, end: at + length });
    }
    return found;
  }

  /** Where a range of this layer stands in the outermost bytes, in order: a piece for each part that it touches. */
  outermost({ start, end }: Range): Range[] {
    const source = this.#source instanceof Layer ? this.#source.bytes : this.#source;
    const found: Range[] = [];
    for (let i = this.#partAt(start); i < this.parts.length; i++) {
      const part = this.parts[i] as Part;
      if (part.at >= end) break;
      const from = Math.max(start - part.at, 0);
      const to = Math.min(end - part.at, part.length);
      if (from >= to) continue;
      const range = this.#coding.locate(source, part, from, to);
      if (this.#source instanceof Layer) found.push(...this.#source.outermost(range));
      else found.push(range);
    }
    return found;
  }

  /** The last part that begins at `at` or before. */
  #partAt(at: number): number {
    let low = 0;
    for (let high = this.parts.length; high - low > 1; ) {
      const middle = (low + high) >>> 1;
      if ((this.parts[middle] as Part).at <= at) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** What nobody can tell the parts of: all of it stands for any of it. */
export const WHOLE: Coding = { locate: (_bytes, { start, end }) => ({ start, end }) };
