import { UserError } from "../../base/errors.ts";

/**
 * The lines of a stream of bytes, as they come. Throws a UserError (exit 2) where one is longer than `limit` bytes,
 * or no UTF-8: a character that was replaced would be another request.
 */
export async function* lines(input: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest: Uint8Array[] = [];
  let size = 0;
  let number = 1;
  const text = (parts: Uint8Array[]): string => {
    try {
      return decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    } catch {
      throw new UserError(`line ${number} is no UTF-8`, { exitCode: 2 });
    }
  };
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      rest.push(chunk.subarray(start, end));
      if (size + end - start > limit) throw tooLong(number, limit);
      yield text(rest);
      number++;
      rest = [];
      size = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > limit) throw tooLong(number, limit);
  }
  if (rest.length > 0) yield text(rest);
}

function tooLong(number: number, limit: number): UserError {
  return new UserError(`line ${number} is longer than ${limit} bytes`, { exitCode: 2 });
}
