import { createReadStream } from "node:fs";
import { errorMessage, UserError } from "../../base/errors.ts";
import type { Policy } from "../../engine/decision.ts";
import { explain } from "../../proxy/explain/explain.ts";
import { answerLine, readRequestLine, requestOfLine } from "../../proxy/explain/line.ts";
import { lines } from "./lines.ts";

/** A body of 3 MiB in base64, the stored object, and what stands around them. */
const LINE_BYTES = 16 * 1024 * 1024;
/** Answers that wait to be written, so that a thousand small ones are a few writes. */
const WRITE_BYTES = 64 * 1024;

export interface BatchResult {
  answered: number;
  /** Lines that are no request. */
  wrong: number;
  milliseconds: number;
}

/**
 * `policy explain --batch`: NDJSON in, NDJSON out, one answer for each line and in their order, as they come. A line
 * that is no request is answered with `{id, error}`.
 */
export async function explainBatch(
  input: AsyncIterable<Uint8Array>,
  policy: Policy,
  write: (text: string) => Promise<void>,
): Promise<BatchResult> {
  const started = performance.now();
  const result: BatchResult = { answered: 0, wrong: 0, milliseconds: 0 };
  let pending = "";
  for await (const line of lines(input, LINE_BYTES)) {
    if (line.trim() === "") continue;
    pending += `${JSON.stringify(await answer(line, policy, result))}\n`;
    if (pending.length < WRITE_BYTES) continue;
    await write(pending);
    pending = "";
  }
  if (pending !== "") await write(pending);
  result.milliseconds = performance.now() - started;
  return result;
}

async function answer(text: string, policy: Policy, result: BatchResult): Promise<unknown> {
  const read = readRequestLine(text);
  if ("error" in read) {
    result.wrong++;
    return { id: idOf(text), error: read.error };
  }
  const { decision } = await explain(requestOfLine(read.line), policy);
  result.answered++;
  return answerLine(read.line.id, decision);
}

/** So that the answer to a wrong line can be told from the others. */
function idOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { id?: unknown } | null)?.id ?? null;
  } catch {
    return null;
  }
}

/** The file, or stdin for `-`. Errors of the file are told as such. */
export async function* openBatch(file: string): AsyncGenerator<Uint8Array> {
  const stream = file === "-" ? process.stdin : createReadStream(file);
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${errorMessage(error)}`, { exitCode: 2, cause: error });
  }
}
