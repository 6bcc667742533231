import { CompactSign, importPKCS8 } from "jose";
import { sha256 } from "../../base/digest.ts";
import { UserError } from "../../base/errors.ts";
import type { BundleFiles } from "./archive.ts";

/** Where OPA's bundle format keeps its signature (openpolicyagent.org, "Bundle Signature Format"). */
export const SIGNATURES = ".signatures.json";

/** A file as the signed payload lists it. */
export interface SignedFile {
  name: string;
  hash: string;
  algorithm: string;
}

/**
 * Adds `.signatures.json`: a JWS over the hashes of all files, ES256. OPA hashes JSON files by their
 * structure; `compileBundle` writes them as canonical JSON, whose bytes have that same hash, so that
 * `opa` itself verifies our bundles and we never hash anything but bytes.
 */
export async function signBundle(files: BundleFiles, privateKeyPem: string): Promise<BundleFiles> {
  let key: Awaited<ReturnType<typeof importPKCS8>>;
  try {
    key = await importPKCS8(privateKeyPem, "ES256");
  } catch (error) {
    throw new UserError("the signing key is not an EC P-256 private key in PKCS #8 PEM", {
      exitCode: 2,
      next: "Make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out bundle.key",
      cause: error,
    });
  }
  const payload = { files: listFiles(files) };
  const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: "ES256" })
    .sign(key);
  const signatures = new TextEncoder().encode(JSON.stringify({ signatures: [token] }));
  return new Map([...files].filter(([name]) => name !== SIGNATURES)).set(SIGNATURES, signatures);
}

/** Every file but the signature, in order of names. */
export function listFiles(files: BundleFiles): SignedFile[] {
  return [...files]
    .filter(([name]) => name !== SIGNATURES)
    .map(([name, content]) => ({ name, hash: sha256(content), algorithm: "SHA-256" }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
