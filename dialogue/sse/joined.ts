/** Pieces as one: a view where they stand behind one another in the same memory, as events of one chunk do, else a copy. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first === undefined || pieces.length === 1) return first ?? new Uint8Array(0);
  let end = first.byteOffset;
  for (const piece of pieces) {
    if (piece.buffer !== first.buffer || piece.byteOffset !== end) return Buffer.concat(pieces);
    end += piece.length;
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset);
}
