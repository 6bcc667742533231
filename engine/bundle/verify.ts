import { compactVerify, importSPKI } from "jose";
import { z } from "zod";
import { errorMessage, UserError } from "../../base/errors.ts";
import type { BundleFiles } from "./archive.ts";
import { listFiles, SIGNATURES } from "./sign.ts";

const signaturesSchema = z.looseObject({ signatures: z.array(z.string()).min(1).max(8) });
const payloadSchema = z.looseObject({
  files: z.array(z.looseObject({ name: z.string(), hash: z.string(), algorithm: z.literal("SHA-256") })),
});

/**
 * Proves that a bundle is what a holder of one of the keys signed: a signature by one of them, and exactly
 * the files that it lists, unaltered. Throws a UserError (exit 1) that says what is wrong.
 */
export async function verifyBundle(files: BundleFiles, publicKeyPems: readonly string[], name: string): Promise<void> {
  const refuse = (why: string): UserError =>
    new UserError(`${name} is not verified: ${why}`, {
      exitCode: 1,
      next: "Build and sign it with `sallyport policy build --key`, with the key whose public half is in keys.bundlePublicFile.",
    });
  const content = files.get(SIGNATURES);
  if (content === undefined) throw refuse("it is not signed");
  const listed = await signedFiles(content, publicKeyPems, refuse);
  const actual = new Map(listFiles(files).map((file) => [file.name, file.hash]));
  for (const file of listed) {
    const path = file.name.replace(/^\//, "");
    if (!actual.has(path)) throw refuse(`${path} was signed and is missing`);
    if (actual.get(path) !== file.hash) throw refuse(`${path} was altered after it was signed`);
    actual.delete(path);
  }
  const unlisted = [...actual.keys()][0];
  if (unlisted !== undefined) throw refuse(`${unlisted} was added after it was signed`);
}

async function signedFiles(
  content: Uint8Array,
  publicKeyPems: readonly string[],
  refuse: (why: string) => UserError,
): Promise<{ name: string; hash: string }[]> {
  let tokens: string[];
  try {
    tokens = signaturesSchema.parse(JSON.parse(new TextDecoder().decode(content))).signatures;
  } catch {
    throw refuse(`${SIGNATURES} is malformed`);
  }
  const keys = await Promise.all(publicKeyPems.map(publicKey));
  for (const token of tokens) {
    for (const key of keys) {
      let payload: Uint8Array;
      try {
        ({ payload } = await compactVerify(token, key, { algorithms: ["ES256"] }));
      } catch {
        // Not this key's: the next may be, while keys rotate. None of them is the refusal below.
        continue;
      }
      const parsed = payloadSchema.safeParse(JSON.parse(new TextDecoder().decode(payload)));
      if (!parsed.success) throw refuse("its signature lists no files");
      return parsed.data.files;
    }
  }
  throw refuse("no configured key made its signature");
}

async function publicKey(pem: string): Promise<Awaited<ReturnType<typeof importSPKI>>> {
  try {
    return await importSPKI(pem, "ES256");
  } catch (error) {
    throw new UserError(`a key of keys.bundlePublicFile is not an EC P-256 public key in PEM: ${errorMessage(error)}`, {
      exitCode: 2,
    });
  }
}
