import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { UserError } from "../../base/errors.ts";

/**
 * Signatures as `ssh-keygen -Y sign -n git` makes them (openssh PROTOCOL.sshsig), which git itself, GitHub and
 * anyone with the public key can check: `git -c gpg.ssh.allowedSignersFile=… verify-commit`. Made here, since
 * ssh-keygen may be absent and would need the private key in a file of its own format.
 */
export interface MergeKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** Reads an Ed25519 private key (PKCS #8 PEM). Throws a UserError, without the file's content. */
export function readMergeKey(file: string): MergeKey {
  try {
    const privateKey = createPrivateKey(readFileSync(file));
    if (privateKey.asymmetricKeyType !== "ed25519") throw new Error(`it is a ${privateKey.asymmetricKeyType} key`);
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch (error) {
    throw new UserError(`keys.mergeFile ${file} is not a usable Ed25519 private key`, {
      exitCode: 2,
      next: `Make one with "openssl genpkey -algorithm ed25519 -out ${file}".`,
      cause: error,
    });
  }
}

function field(data: Uint8Array | string): Buffer {
  const bytes = Buffer.from(data as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const KEY_TYPE = "ssh-ed25519";
const MAGIC = "SSHSIG";
const TERMS = Buffer.concat([field("git"), field(""), field("sha512")]);
const BEGIN = "-----BEGIN SSH SIGNATURE-----";
const END = "-----END SSH SIGNATURE-----";

function keyBlob(publicKey: KeyObject): Buffer {
  const { x } = publicKey.export({ format: "jwk" });
  return Buffer.concat([field(KEY_TYPE), field(Buffer.from(x ?? "", "base64url"))]);
}

/** `ssh-ed25519 AAAA…`: the line of an allowed-signers file, less the principal. */
export function sshPublicKey(publicKey: KeyObject): string {
  return `${KEY_TYPE} ${keyBlob(publicKey).toString("base64")}`;
}

function signedBytes(message: string): Buffer {
  return Buffer.concat([Buffer.from(MAGIC), TERMS, field(createHash("sha512").update(message).digest())]);
}

/** All of a signature's blob but the 64 bytes of Ed25519 at its end. */
function prefix(publicKey: KeyObject): Buffer {
  const version = Buffer.from([0, 0, 0, 1]);
  const signatureHead = Buffer.concat([Buffer.from([0, 0, 0, 4 + KEY_TYPE.length + 4 + 64]), field(KEY_TYPE)]);
  return Buffer.concat([
    Buffer.from(MAGIC),
    version,
    field(keyBlob(publicKey)),
    TERMS,
    signatureHead,
    Buffer.from([0, 0, 0, 64]),
  ]);
}

/** An armoured SSH signature over the message, in namespace `git`. */
export function signSsh(key: MergeKey, message: string): string {
  const blob = Buffer.concat([prefix(key.publicKey), sign(null, signedBytes(message), key.privateKey)]);
  return armour(blob);
}

function armour(blob: Buffer): string {
  return [BEGIN, ...(blob.toString("base64").match(/.{1,70}/g) ?? []), END].join("\n");
}

/** Whether one of the keys made this signature over exactly this message. Never throws on hostile input. */
export function verifySsh(keys: readonly KeyObject[], message: string, armoured: string): boolean {
  const blob = Buffer.from(armoured.split("\n").slice(1, -1).join(""), "base64");
  // Node's decoder skips and stops at what is no base64: only the one spelling that we write is read.
  if (armour(blob) !== armoured) return false;
  return keys.some((key) => {
    const head = prefix(key);
    // One exact layout, so there is nothing to parse and nothing that could be read two ways.
    if (blob.length !== head.length + 64 || !blob.subarray(0, head.length).equals(head)) return false;
    return verify(null, signedBytes(message), key, blob.subarray(head.length));
  });
}
