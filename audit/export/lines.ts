const LINE_FEED = 10;

export type Line = { text: string; problem?: never } | { text?: never; problem: string };

/** The lines of `chunks`, without their ends. One above `maxBytes`, which is never held, or not in UTF-8 is a problem. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let size = 0;
  const add = (part: Buffer): void => {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else parts = [];
  };
  const take = (): Line => {
    const line = size > maxBytes ? { problem: `it is longer than ${maxBytes} bytes` } : decode(parts);
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  if (size > 0) yield take();
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(parts: readonly Buffer[]): Line {
  const [only] = parts;
  try {
    return { text: utf8.decode(parts.length === 1 ? only : Buffer.concat(parts)) };
  } catch {
    return { problem: "it is not UTF-8" };
  }
}
