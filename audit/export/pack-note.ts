import type { KeyObject } from "node:crypto";
import { sha256 } from "../../base/digest.ts";
import { formatNote, parseNote, verifyNote } from "../evidence/note.ts";

/** The checkpoint key, from a file or wherever it is kept. */
export interface PackSigner {
  publicKey: KeyObject;
  /** An Ed25519 signature (RFC 8032). */
  sign(bytes: Buffer): Promise<Buffer>;
}

/** Whose name signs packs of a tenant: apart from its logs' origins, so that no note of one passes for the other's. */
export function packOrigin(tenant: string): string {
  return `sallyport/${encodeURIComponent(tenant)}/pack`;
}

/** What is signed: the name, and the SHA-256 of manifest.json. */
function noteText(tenant: string, manifest: Uint8Array): string {
  return `${packOrigin(tenant)}\n${sha256(manifest)}\n`;
}

/** `manifest.note`: a C2SP signed note over the bytes of `manifest.json`. */
export async function signManifest(tenant: string, manifest: Uint8Array, signer: PackSigner): Promise<string> {
  const text = noteText(tenant, manifest);
  return formatNote(text, packOrigin(tenant), signer.publicKey, await signer.sign(Buffer.from(text)));
}

/** Why `note` does not vouch for these bytes of a manifest, or undefined where one of `keys` signed just them. */
export function manifestFault(
  tenant: string,
  manifest: Uint8Array,
  note: string,
  keys: readonly KeyObject[],
): string | undefined {
  try {
    const signed = parseNote(note);
    if (signed.text !== noteText(tenant, manifest)) return "its note is of another manifest";
    return verifyNote(signed, packOrigin(tenant), keys) ? undefined : "its note is not signed by a key that counts";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
