import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { UserError } from "../../base/errors.ts";

/** C2SP signed-note: text, an empty line, and signature lines `— <key name> <base64(key id ‖ signature)>`. */
const ED25519 = 0x01;
const MAX_NOTE = 16 * 1024;
const MAX_SIGNATURES = 16;

export interface NoteSignature {
  name: string;
  /** Four bytes, as lower-case hex. */
  keyId: string;
  signature: Buffer;
}

export interface SignedNote {
  /** What is signed, with its final newline. */
  text: string;
  signatures: NoteSignature[];
}

/** The 32 bytes of an Ed25519 public key (RFC 8032). */
export function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: "jwk" });
  if (key.asymmetricKeyType !== "ed25519" || x === undefined) throw new TypeError("the key is not Ed25519");
  return Buffer.from(x, "base64url");
}

/** signed-note "Signatures": the first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key). */
export function keyId(name: string, key: KeyObject): Buffer {
  return createHash("sha256")
    .update(`${name}\n`)
    .update(Buffer.of(ED25519))
    .update(rawPublicKey(key))
    .digest()
    .subarray(0, 4);
}

/** The note of `text` (which ends in a newline) and one signature over it. */
export function formatNote(text: string, name: string, key: KeyObject, signature: Buffer): string {
  return `${text}\n— ${name} ${Buffer.concat([keyId(name, key), signature]).toString("base64")}\n`;
}

/** Throws a TypeError that says what is wrong with it. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE) throw new TypeError(`the note has ${note.length} characters, more than ${MAX_NOTE}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: signed-note "Format" forbids just these
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) throw new TypeError("the note has control characters");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) throw new TypeError("the note has no signature");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new TypeError(`the note has more than ${MAX_SIGNATURES} signatures`);
  const signatures = lines.map((line) => {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    const bytes = Buffer.from(encoded ?? "", "base64");
    if (name === undefined || bytes.length < 5 || bytes.toString("base64") !== encoded) {
      throw new TypeError("the note has a signature line that is none");
    }
    return { name, keyId: bytes.toString("hex", 0, 4), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, split + 1), signatures };
}

/**
 * Whether one of `keys` signed the note under `name`. Signatures by unknown keys are left aside; one by a known key
 * that does not verify makes the whole note count for nothing (signed-note "Signatures").
 */
export function verifyNote({ text, signatures }: SignedNote, name: string, keys: readonly KeyObject[]): boolean {
  let good = 0;
  for (const key of keys) {
    const id = keyId(name, key).toString("hex");
    for (const one of signatures) {
      if (one.name !== name || one.keyId !== id) continue;
      if (!verify(null, Buffer.from(text), key, one.signature)) return false;
      good++;
    }
  }
  return good > 0;
}

/** The public half of an Ed25519 key in PEM, given either half. Throws a UserError that names `file`. */
export function publicKeyOf(pem: string | Buffer, file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw notAKey(file, error);
  }
  if (key.asymmetricKeyType !== "ed25519") throw notAKey(file);
  return key;
}

function notAKey(file: string, cause?: unknown): UserError {
  return new UserError(`${file}: is not an Ed25519 key in PEM`, {
    exitCode: 2,
    next: "Make one: openssl genpkey -algorithm ed25519 -out checkpoint.pem; its public half: openssl pkey -in checkpoint.pem -pubout",
    cause,
  });
}
