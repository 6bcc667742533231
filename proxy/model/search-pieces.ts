import { jsonStrings } from "../../engine/mask/layers/escapes.ts";
import { type Found, findSecrets, type Search } from "../../engine/mask/layers/find.ts";
import { CleanTexts } from "./clean-texts.ts";
import type { Piece } from "./prompt-borders.ts";

/** Bytes that are searched at once: 1 to 3 ms. */
export const BATCH = 131_072;
const clean = new CleanTexts();

/** A text that is searched by itself: one piece, or several that go on in each other. */
interface Text {
  pieces: Piece[];
  key: string | undefined;
}

/** Finds secrets in pieces of a body's strings, but in those that were found to hold none before. */
export async function findIn(body: Buffer, pieces: readonly Piece[], search: Search): Promise<Found[]> {
  const lookedFor = clean.lookedFor(search.known, search.names);
  const found: Found[] = [];
  let batch: Text[] = [];
  let size = 0;
  for (let i = 0; i < pieces.length; ) {
    const from = i;
    while (pieces[i++]?.joined === true);
    const text = pieces.slice(from, i);
    const key = clean.keyOf(body, text, lookedFor);
    size += text.reduce((sum, { start, end }) => sum + end - start, 0);
    if (key === undefined || !clean.has(key)) batch.push({ pieces: text, key });
    if (size < BATCH && i < pieces.length) continue;
    found.push(...(await findInBatch(body, batch, search)));
    await search.pause();
    batch = [];
    size = 0;
  }
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
  const dirty = found.flatMap(({ pieces }) => pieces);
  for (const { pieces, key } of texts) {
    if (key === undefined) continue;
    const holds = pieces.some(({ start, end }) => dirty.some((one) => one.start < end && one.end > start));
    if (!holds) clean.add(key);
  }
  return found;
}
