import { jsonStrings } from "../../engine/mask/layers/escapes.ts";
import { type Found, findSecrets, type Search } from "../../engine/mask/layers/find.ts";
import { CleanTexts } from "./clean-texts.ts";
import type { Piece, Texts } from "./prompt-borders.ts";

/** Bytes that are searched at once: 1 to 3 ms. */
export const BATCH = 131_072;
/** What a piece costs besides its bytes, in bytes. */
const PIECE = 16;
const clean = new CleanTexts();

/** A text that is searched by itself: one piece, or several that go on in each other. */
interface Text {
  pieces: Piece[];
  key: string | undefined;
}

/** Finds secrets in texts of a body's strings, but in those that were found to hold none before. */
export async function findIn(body: Buffer, texts: Texts, search: Search): Promise<Found[]> {
  const lookedFor = clean.lookedFor(search.known, search.names);
  const found: Found[] = [];
  let batch: Text[] = [];
  let size = 0;
  for (const pieces of texts) {
    if (pieces !== undefined) {
      const key = clean.keyOf(body, pieces, lookedFor);
      size += pieces.reduce((sum, { start, end }) => sum + end - start + PIECE, 0);
      if (key === undefined || !clean.has(key)) batch.push({ pieces, key });
      if (size < BATCH) continue;
    }
    for (const one of await findInBatch(body, batch, search)) found.push(one);
    await search.pause();
    batch = [];
    size = 0;
  }
  for (const one of await findInBatch(body, batch, search)) found.push(one);
  return found;
}

async function findInBatch(body: Buffer, texts: readonly Text[], search: Search): Promise<Found[]> {
  if (texts.length === 0) return [];
  const found = await findSecrets(
    jsonStrings(
      body,
      texts.flatMap(({ pieces }) => pieces),
    ),
    search,
  );
  const dirty = touching(found);
  for (const { pieces, key } of texts) if (key !== undefined && !pieces.some(dirty)) clean.add(key);
  return found;
}

/** Whether anything that was found stands in a piece. */
export function touching(found: readonly Found[]): (piece: Piece) => boolean {
  const spans: Piece[] = [];
  const all = found.flatMap(({ pieces }) => pieces).sort((a, b) => a.start - b.start);
  for (const { start, end } of all) {
    const last = spans.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return ({ start, end }) => {
    let [low, high] = [0, spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((spans[middle] as Piece).end > start) high = middle;
      else low = middle + 1;
    }
    return (spans[low]?.start ?? Number.POSITIVE_INFINITY) < end;
  };
}
