import { errorMessage } from "../../base/errors.ts";
import type { EventRow } from "../event.ts";
import { parseProof } from "../evidence/checkpoint.ts";
import { namesTwice, rowProblem } from "./event-row.ts";
import { linesOf } from "./lines.ts";
import type { PackFiles } from "./pack-files.ts";
import { type OpenPack, PACK, type PackLimits, type PackLine, packProblem } from "./pack-layout.ts";
import { parseManifest } from "./pack-schema.ts";

/** What is read whole: a manifest of 200,000 files stays below. */
const SMALL = 64 * 1024 ** 2;

/** The pack that lies in `files`. */
export function packOf(files: PackFiles, limits: PackLimits): OpenPack {
  const { form, name, sizes } = files;
  const read = (path: string): AsyncIterable<Buffer> => {
    if (!sizes.has(path)) throw packProblem(`${name} has no ${path}`);
    return files.read(path);
  };
  async function small(path: string, maxBytes = SMALL): Promise<Buffer | undefined> {
    if (!sizes.has(path)) return undefined;
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of read(path)) {
      size += part.length;
      if (size > maxBytes) throw packProblem(`${name}: ${path} is larger than ${maxBytes} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }
  async function* lines<T>(path: string, parse: (text: string) => T): AsyncGenerator<PackLine<T>> {
    if (!sizes.has(path)) return;
    let line = 0;
    for await (const { text, problem } of linesOf(read(path), limits.lineBytes)) {
      line++;
      if (problem !== undefined) yield { line, problem };
      else if (text !== "") yield parsedLine(line, text, parse);
    }
  }
  return {
    form,
    files: sizes,
    read,
    small,
    async manifest() {
      const bytes = await small(PACK.manifest);
      return bytes === undefined ? undefined : parseManifest(bytes.toString("utf8"), `${name}: ${PACK.manifest}`);
    },
    events: () => lines(PACK.events, parseRow),
    checkpoints: () => lines(PACK.checkpoints, parseRow),
    proofs: () => lines(PACK.proofs, parseProof),
    close: () => files.close(),
  };
}

function parsedLine<T>(line: number, text: string, parse: (text: string) => T): PackLine<T> {
  try {
    return { line, value: parse(text) };
  } catch (error) {
    return { line, problem: errorMessage(error) };
  }
}

/** Throws a TypeError that says why it is no row. */
function parseRow(text: string): EventRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError(`it is not JSON: ${errorMessage(error)}`, { cause: error });
  }
  const problem = rowProblem(value);
  if (problem !== undefined) throw new TypeError(problem);
  const row = value as EventRow;
  if (namesTwice(text, row)) throw new TypeError("it names a column twice");
  return row;
}
