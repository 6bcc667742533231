import { describe, expect, it } from "vitest";
import {
  grow,
  leafHash,
  nodeHash,
  peakCount,
  proveInclusion,
  rootFromProof,
  rootOf,
} from "../../../audit/evidence/merkle.ts";

/** The reference tree of certificate-transparency-go's tests: eight leaves, and the root of the first n of them. */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  (hex) => leafHash(Buffer.from(hex, "hex")),
);
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

describe("the Merkle tree", () => {
  it.each(ROOTS.map((root, size) => [size, root] as const))("of %i leaves has RFC 6962's root", (size, root) => {
    expect(rootOf(grow([], 0, LEAVES.slice(0, size))).toString("hex")).toBe(root);
  });

  it("has the same root however its leaves came in, and proves each leaf from the peaks before it", () => {
    const leaves = Array.from({ length: 37 }, (_, i) => leafHash(`leaf ${i}`));
    const root = rootOf(grow([], 0, leaves));
    for (let base = 0; base < leaves.length; base++) {
      const peaks = grow([], 0, leaves.slice(0, base));
      const rest = leaves.slice(base);
      expect(peaks).toHaveLength(peakCount(base));
      expect(rootOf(grow(peaks, base, rest))).toEqual(root);
      for (let index = base; index < leaves.length; index++) {
        const proof = proveInclusion(peaks, base, rest, index);
        const leaf = leaves[index] ?? Buffer.alloc(0);
        expect(rootFromProof(leaf, index, leaves.length, proof)).toEqual(root);
      }
    }
  });

  it("leads to no root, or another one, from a leaf that is none, another place, or a path too short or too long", () => {
    const leaves = Array.from({ length: 11 }, (_, i) => leafHash(`leaf ${i}`));
    const root = rootOf(grow([], 0, leaves));
    const [leaf] = leaves.slice(6) as [Buffer];
    const proof = proveInclusion([], 0, leaves, 6);
    const wrong = [
      rootFromProof(leafHash("other"), 6, 11, proof),
      rootFromProof(leaf, 5, 11, proof),
      rootFromProof(leaf, 11, 11, proof),
      rootFromProof(leaf, 6, 11, proof.slice(1)),
      rootFromProof(leaf, 6, 11, [...proof, nodeHash(leaf, leaf)]),
    ];
    for (const led of wrong) expect(led).not.toEqual(root);
  });

  it("refuses peaks that are not those of its size", () => {
    expect(() => grow([], 3, LEAVES)).toThrow(RangeError);
    expect(() => proveInclusion([], 0, LEAVES, 8)).toThrow(RangeError);
  });
});
