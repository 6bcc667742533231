import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  baseOf,
  type Checkpoint,
  checkpointFault,
  hashLeaf,
  type Leaf,
  noteText,
  originOf,
  parseCheckpoint,
  parseProof,
  proofFault,
  proveLeaf,
  signTreeHead,
  verifyTreeHead,
} from "../../../audit/evidence/checkpoint.ts";
import { grow, rootOf } from "../../../audit/evidence/merkle.ts";
import { formatNote, parseNote, verifyNote } from "../../../audit/evidence/note.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519");
const signer = { publicKey, sign: async (bytes: Buffer) => sign(null, bytes, privateKey) };
const tenant = "acme & sons";
const leaf = (n: number): Leaf => ({
  session_id: `s-${n}`,
  writer: "w",
  seq: n + 1,
  hash: n.toString(16).padStart(64, "0"),
});

async function checkpoint(from: number, to: number): Promise<Checkpoint> {
  const all = Array.from({ length: to }, (_, i) => leaf(i));
  const peaks = grow(
    [],
    0,
    all.slice(0, from).map((one) => hashLeaf(tenant, one)),
  );
  const leaves = all.slice(from);
  const root = rootOf(
    grow(
      peaks,
      from,
      leaves.map((one) => hashLeaf(tenant, one)),
    ),
  ).toString("base64");
  const head = { log: "log", size: to, root };
  return {
    ...head,
    note: await signTreeHead(tenant, head, signer),
    leaves,
    peaks: peaks.map((p) => p.toString("base64")),
  };
}

describe("a signed note", () => {
  it("that Go's sumdb/note signed is verified by its key, and by no other", () => {
    const raw = Buffer.from("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "base64").subarray(1);
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
    const note = parseNote(
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    );
    expect(verifyNote(note, "PeterNeumann", [publicKey, key])).toBe(true);
    expect(verifyNote(note, "PeterNeumann", [publicKey])).toBe(false);
    expect(verifyNote({ ...note, text: `${note.text}!` }, "PeterNeumann", [key])).toBe(false);
  });

  it.each([
    ["nothing", ""],
    ["no signature", "origin\n1\nroot\n"],
    ["no final newline", "a\n\n— a AAAAAAAA"],
    ["a control character", "a\t\n\n— a AAAAAAAA\n"],
    ["a signature that is no base64", "a\n\n— a ****\n"],
    ["a signature in other words than ours", "a\n\n— a AAAAAB==\n"],
    ["a hyphen for the dash", "a\n\n- a AAAAAAAA\n"],
    ["a plus in the name", "a\n\n— a+b AAAAAAAA\n"],
    ["17 signatures", `a\n\n${"— a AAAAAAAA\n".repeat(17)}`],
    ["a text that is too long", `${"a".repeat(20_000)}\n\n— a AAAAAAAA\n`],
  ])("with %s is none", (_, note) => {
    expect(() => parseNote(note)).toThrow(TypeError);
  });

  it("counts while a signature by a key of ours is good, whatever others say, and for nothing once one of ours is bad", async () => {
    const text = noteText(tenant, { log: "log", size: 1, root: "x" });
    const name = originOf(tenant, "log");
    const good = formatNote(text, name, publicKey, sign(null, Buffer.from(text), privateKey));
    const foreign = formatNote(text, name, other.publicKey, Buffer.alloc(64)).split("\n\n")[1] ?? "";
    const bad = formatNote(text, name, publicKey, Buffer.alloc(64)).split("\n\n")[1] ?? "";
    expect(verifyNote(parseNote(good + foreign), name, [publicKey])).toBe(true);
    expect(verifyNote(parseNote(good + bad), name, [publicKey])).toBe(false);
    expect(verifyNote(parseNote(good), name, [other.publicKey])).toBe(false);
  });
});

describe("a checkpoint", () => {
  it("is complete by itself: its leaves lead to the signed root, and what it stands on is the one before", async () => {
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [3, 7],
      [8, 9],
      [5, 16],
    ] as const) {
      const made = await checkpoint(from, to);
      expect(parseCheckpoint(JSON.stringify(made))).toEqual(made);
      expect(checkpointFault(tenant, made, [other.publicKey, publicKey])).toBeUndefined();
      if (from > 0) expect(baseOf(made)).toMatchObject({ size: from, root: (await checkpoint(0, from)).root });
    }
  });

  it.each<[string, (made: Checkpoint) => Checkpoint, RegExp]>([
    [
      "a leaf altered",
      (made) => ({ ...made, leaves: made.leaves.with(1, { ...leaf(4), seq: 99 }) }),
      /do not lead to the root/,
    ],
    [
      "a leaf removed",
      (made) => ({ ...made, leaves: made.leaves.slice(1) }),
      /leaves that its size asks for|do not lead/,
    ],
    ["leaves moved", (made) => ({ ...made, leaves: made.leaves.toReversed() }), /do not lead to the root/],
    ["another root", (made) => ({ ...made, root: "A".repeat(43).concat("=") }), /other than its note/],
    ["another size", (made) => ({ ...made, size: made.size + 1 }), /other than its note/],
    ["another log", (made) => ({ ...made, log: "other" }), /other than its note/],
    ["a peak altered", (made) => ({ ...made, peaks: made.peaks.map(() => made.root) }), /do not lead to the root/],
    ["its note altered", (made) => ({ ...made, note: made.note.replace("\n7\n", "\n8\n") }), /not signed/],
    ["an extension line", (made) => ({ ...made, note: made.note.replace("\n\n", "\nmore\n\n") }), /not of this tenant/],
  ])("with %s is found out", async (_, tamper, why) => {
    expect(checkpointFault(tenant, tamper(await checkpoint(3, 7)), [publicKey])).toMatch(why);
  });

  it("of another tenant, or by a key that does not count, is none of ours", async () => {
    const { note } = await checkpoint(0, 2);
    expect(verifyTreeHead("other", note, [publicKey])).toMatchObject({ ok: false });
    expect(verifyTreeHead(tenant, note, [other.publicKey])).toMatchObject({ ok: false });
    expect(verifyTreeHead(tenant, note, [])).toMatchObject({ ok: false });
    expect(verifyTreeHead(tenant, note, [publicKey])).toMatchObject({ ok: true, head: { log: "log", size: 2 } });
  });

  it("proves each of its leaves by a path that needs nothing but the note", async () => {
    const made = await checkpoint(5, 13);
    for (const [i, one] of made.leaves.entries()) {
      const proof = parseProof(JSON.stringify(proveLeaf(tenant, made, i)));
      expect(proof).toMatchObject({ ...one, tenant, log: "log", index: 5 + i, size: 13 });
      expect(proofFault(tenant, proof, [publicKey])).toBeUndefined();
      expect(proofFault(tenant, { ...proof, seq: one.seq + 1 }, [publicKey])).toMatch(/does not lead/);
      expect(proofFault(tenant, { ...proof, index: (proof.index + 1) % 13 }, [publicKey])).toMatch(/does not lead/);
    }
  });

  it.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    [
      "no leaves",
      JSON.stringify({ log: "l", size: 0, root: "A".repeat(43).concat("="), note: "", leaves: [], peaks: [] }),
    ],
    ["a size that is no whole number", '{"log":"l","size":1.5}'],
  ])("that is %s is none", (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(TypeError);
  });
});
