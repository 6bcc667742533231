import { createHash } from "node:crypto";

/**
 * RFC 6962 §2.1: Merkle tree hashes with SHA-256. A tree of which only the peaks are kept (the roots of its maximal
 * complete subtrees, left to right: at most one for each bit of its size) still gives its root, takes new leaves,
 * and proves that those are in it.
 */
export type Hash = Buffer;

/** RFC 6962 §2.1: a leaf and a node are hashed under different prefixes, so that neither passes for the other. */
export function leafHash(bytes: Uint8Array | string): Hash {
  return createHash("sha256").update("\0").update(bytes).digest();
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return createHash("sha256").update("\x01").update(left).update(right).digest();
}

/** The number of peaks that a tree of `size` leaves has. Sizes are safe integers, so no 32-bit operators. */
export function peakCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** The root of a tree from its peaks; the empty tree's is SHA-256 of nothing. */
export function rootOf(peaks: readonly Hash[]): Hash {
  const last = peaks.at(-1);
  if (last === undefined) return createHash("sha256").digest();
  return peaks.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** The peaks once `leaves` (hashes) stand behind a tree of `size` leaves that has `peaks`. */
export function grow(peaks: readonly Hash[], size: number, leaves: readonly Hash[]): Hash[] {
  const grown = [...peaks];
  let at = size;
  for (const leaf of leaves) {
    let node = leaf;
    for (let rest = at; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = grown.pop();
      if (left === undefined) throw new RangeError(`a tree of ${size} leaves has ${peakCount(size)} peaks`);
      node = nodeHash(left, node);
    }
    grown.push(node);
    at++;
  }
  return grown;
}

/**
 * RFC 6962 §2.1.1: the audit path of leaf `index`, from its sibling up, in the tree of `peaks` (which has `size` leaves)
 * and `leaves` behind it. `index` is among the new leaves: what lies left of them enters only as whole peaks.
 */
export function proveInclusion(peaks: readonly Hash[], size: number, leaves: readonly Hash[], index: number): Hash[] {
  const total = size + leaves.length;
  if (index < size || index >= total) throw new RangeError(`leaf ${index} is not among ${size} to ${total - 1}`);
  const whole = new Map<string, Hash>();
  let from = 0;
  for (const [i, width] of widths(size).entries()) {
    const peak = peaks[i];
    if (peak !== undefined) whole.set(`${from} ${width}`, peak);
    from += width;
  }
  const hashOf = (start: number, width: number): Hash => {
    const known = whole.get(`${start} ${width}`);
    if (known !== undefined) return known;
    if (width === 1) {
      const leaf = leaves[start - size];
      if (leaf === undefined) throw new RangeError(`a tree of ${size} leaves has ${peakCount(size)} peaks`);
      return leaf;
    }
    const half = splitOf(width);
    return nodeHash(hashOf(start, half), hashOf(start + half, width - half));
  };
  const path: Hash[] = [];
  let start = 0;
  let width = total;
  while (width > 1) {
    const half = splitOf(width);
    if (index - start < half) {
      path.push(hashOf(start + half, width - half));
      width = half;
    } else {
      path.push(hashOf(start, half));
      start += half;
      width -= half;
    }
  }
  return path.reverse();
}

/** RFC 9162 §2.1.3.2: the root that an audit path leads to, or undefined where its length does not fit the tree. */
export function rootFromProof(leaf: Hash, index: number, size: number, proof: readonly Hash[]): Hash | undefined {
  if (index < 0 || index >= size) return undefined;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else hash = nodeHash(hash, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : undefined;
}

/** The largest power of two below `width` (RFC 6962's k). */
function splitOf(width: number): number {
  let half = 1;
  while (half * 2 < width) half *= 2;
  return half;
}

/** Leaves under each peak of a tree, left to right. */
function widths(size: number): number[] {
  const found: number[] = [];
  let bit = 1;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) found.unshift(bit);
    bit *= 2;
  }
  return found;
}
