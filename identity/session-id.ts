import { randomBytes } from "node:crypto";
import { hmac } from "../base/digest.ts";

/** 96 bits of an HMAC: nobody makes two tokens with the same one. */
const ORIGIN = /^[0-9a-f]{24}$/;

/**
 * What a token is for the purpose of ending its sessions: an HMAC of issuer, subject and the token's signing
 * input. The signature is left out on purpose: ECDSA signatures are malleable ((r, n−s) verifies as well), and
 * base64url has spare bits in its last character, so that one token can be spelled in many ways.
 */
export function originOf(hmacKey: Uint8Array, issuer: string, subject: string, token: string): string {
  const signingInput = token.slice(0, token.lastIndexOf("."));
  return hmac(hmacKey, "session", JSON.stringify([issuer, subject, signingInput])).slice(0, 24);
}

/** An exchanged session's id: the origins of the tokens it was made from, so that any replica can bar them, and chance. */
export function newSessionId(origins: readonly string[]): string {
  return [...origins, randomBytes(8).toString("hex")].join("-");
}

/** The origins within a session id; for a raw ID token's session, the id itself. */
export function originsIn(sessionId: string): string[] {
  return sessionId.split("-").filter((part) => ORIGIN.test(part));
}
