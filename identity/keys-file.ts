import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { UserError } from "../base/errors.ts";

/** A key of `keys.sessionFile`; only the first needs its private part. */
export interface SessionKey {
  kid: string;
  publicKey: CryptoKey;
  publicJwk: JWK;
  privateKey?: CryptoKey;
}

const HMAC_BYTES = 32;

/** Writes a new ES256 key as a private JWK, mode 0600; fails where the file exists. */
export async function generateSessionKeyFile(path: string): Promise<void> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  writeFileSync(path, `${JSON.stringify({ ...jwk, kid, alg: "ES256", use: "sig" })}\n`, { mode: 0o600, flag: "wx" });
}

/** Writes a new HMAC-SHA-256 key as base64, mode 0600; fails where the file exists. */
export function generateHmacKeyFile(path: string): void {
  writeFileSync(path, `${randomBytes(HMAC_BYTES).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
}

/**
 * The session keys of `keys.sessionFile`, each file a JWK: the first signs, all verify, so that a list
 * rotates. Throws a UserError (exit 2) that names the file and never its content.
 */
export async function loadSessionKeys(files: readonly string[]): Promise<SessionKey[]> {
  const keys = await Promise.all(files.map(loadSessionKey));
  if (keys[0]?.privateKey === undefined) throw unusable(files[0] ?? "keys.sessionFile", "holds no private key");
  return keys;
}

async function loadSessionKey(file: string): Promise<SessionKey> {
  let jwk: JWK;
  try {
    jwk = JSON.parse(read(file)) as JWK;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unusable(file, "is not JSON");
  }
  const { kty, crv, x, y, d } = jwk ?? {};
  if (kty !== "EC" || crv !== "P-256" || x === undefined || y === undefined)
    throw unusable(file, "is not a JWK of an EC key on P-256 (ES256)");
  try {
    const publicJwk: JWK = { kty, crv, x, y };
    const kid = await calculateJwkThumbprint(publicJwk);
    const publicKey = (await importJWK(publicJwk, "ES256")) as CryptoKey;
    const privateKey = d === undefined ? undefined : ((await importJWK({ kty, crv, x, y, d }, "ES256")) as CryptoKey);
    return { kid, publicKey, privateKey, publicJwk: { ...publicJwk, kid, alg: "ES256", use: "sig" } };
  } catch {
    throw unusable(file, "holds a key that cannot be used");
  }
}

/** The keys of `keys.hmacFile`, each file base64 of 32 bytes or more: the first makes digests, all are recognised. */
export function loadHmacKeys(files: readonly string[]): Uint8Array[] {
  return files.map((file) => {
    const text = read(file).trim();
    const key = Buffer.from(text, "base64");
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || key.length < HMAC_BYTES)
      throw unusable(file, `is not base64 of at least ${HMAC_BYTES} bytes`);
    return key;
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw unusable(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? "error"})`);
  }
}

function unusable(file: string, what: string): UserError {
  return new UserError(`${file} ${what}`, {
    exitCode: 2,
    next: "`sallyport up` writes working keys to its state folder.",
  });
}
