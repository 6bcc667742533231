/** What is written on stdout bit by bit, since all of it may be larger than memory. */

/** Waits where the reader of stdout is slow. */
export async function write(text: string | Uint8Array): Promise<void> {
  const more = process.stdout.write(text);
  if (!more) await new Promise<void>((resolve) => process.stdout.once("drain", () => resolve()));
}

/**
 * Writes one JSON object as `--output json` does: `head`, the list `name` with the items as they come, and `tail`, which is
 * asked for at the end. A list that broke off is no JSON.
 */
export async function printJsonList(
  { head, name, tail }: { head: Record<string, unknown>; name: string; tail(): Record<string, unknown> },
  items: AsyncIterable<unknown>,
): Promise<void> {
  const field = (key: string, value: unknown): string => `  ${JSON.stringify(key)}: ${indented(value, 2)}`;
  const before = Object.entries(head).map(([key, value]) => `${field(key, value)},\n`);
  await write(`{\n${before.join("")}  ${JSON.stringify(name)}: [`);
  let first = true;
  for await (const item of items) {
    await write(`${first ? "" : ","}\n    ${indented(item, 4)}`);
    first = false;
  }
  const after = Object.entries(tail()).map(([key, value]) => `,\n${field(key, value)}`);
  await write(`${first ? "" : "\n  "}]${after.join("")}\n}\n`);
}

function indented(value: unknown, by: number): string {
  return JSON.stringify(value, undefined, 2).replaceAll("\n", `\n${" ".repeat(by)}`);
}

/** The first of the items; `rest.more` says at the end whether there were others. */
export async function* atMost<T>(
  items: AsyncIterable<T>,
  most: number,
  rest: { more: boolean },
): AsyncGenerator<T, void> {
  let count = 0;
  for await (const item of items) {
    if (count === most) {
      rest.more = true;
      return;
    }
    count++;
    yield item;
  }
}

/** The items, so many at a time. */
export async function* inBatches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[], void> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
