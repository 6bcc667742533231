/**
 * The order of a merged list's entries after a strategic merge patch (mergeSortedSlice of apimachinery's
 * strategicpatch): those that the patch names in its order, the others in theirs, and an entry that is new before
 * what it could not be compared with. `stored` and `patch` are what tells the entries apart.
 */
export function strategicOrder(stored: readonly string[], patch: readonly string[]): string[] {
  const at = new Map(stored.map((key, i) => [key, i]));
  const named = new Set(patch);
  const left = stored.filter((key) => !named.has(key));
  const out: string[] = [];
  let i = 0;
  for (const key of patch) {
    const place = at.get(key);
    while (place !== undefined && i < left.length && (at.get(left[i] as string) as number) < place) {
      out.push(left[i++] as string);
    }
    out.push(key);
  }
  return [...out, ...left.slice(i)];
}

/**
 * The same of a server-side apply (visitListItems of structured-merge-diff v6): what is stored and not applied stays
 * before what is applied, as far as the entries that both have say where that is.
 */
export function applyOrder(stored: readonly string[], applied: readonly string[]): string[] {
  const known = new Set(stored);
  const wanted = new Set(applied);
  const shared = applied.filter((key) => known.has(key));
  const merged = new Set<string>();
  const out: string[] = [];
  // `shift` moves all that is left: of a list with as many entries as a body holds that is minutes.
  let at = 0;
  let next = shared[at++];
  for (let l = 0, r = 0; l < stored.length || r < applied.length; ) {
    const [left, right] = [stored[l], applied[r]];
    if (left !== undefined && left === right) {
      out.push(left);
      merged.add(left);
      next = shared[at++];
      l++;
      r++;
      continue;
    }
    if (left !== undefined && right !== undefined && wanted.has(left) && next !== undefined && next !== left) {
      l++;
      continue;
    }
    if (left !== undefined && !wanted.has(left)) {
      out.push(left);
      l++;
      continue;
    }
    if (left !== undefined && merged.has(left)) l++;
    if (right === undefined) continue;
    out.push(right);
    merged.add(right);
    r++;
    if (next === right) next = shared[at++];
  }
  return out;
}
