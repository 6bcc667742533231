import { z } from "zod";
import { hmac, sameSecret } from "../base/digest.ts";
import type { Kill } from "./types.ts";

/** Lower-case, as Node has them. `timestamp`: milliseconds since the epoch; `signature`: lower-case hex. */
export const PEER_HEADERS = { timestamp: "x-sallyport-timestamp", signature: "x-sallyport-signature" } as const;

/** How old a message may be, and how far replicas' clocks apart: what it says can be said twice without harm. */
const WINDOW_MS = 60_000;

const kill = z.strictObject({
  session: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/),
  by: z.string().max(512),
  reason: z.string().max(4096),
  at: z.number().nonnegative(),
  until: z.number().nonnegative(),
});
const message = z.strictObject({ kills: z.array(kill).max(100) });

/** "Look now", and which sessions were killed. */
export interface PeerMessage {
  kills: Kill[];
}

interface Signed {
  timestamp: string;
  signature: string;
  body: string;
}

function signatureOf(key: Uint8Array, { timestamp, body }: Pick<Signed, "timestamp" | "body">): string {
  return hmac(key, "peer", `${timestamp}.${body}`);
}

/** What a replica sends to its peers, under the key that all of them have. */
export function signPeerMessage(key: Uint8Array, now: number, said: PeerMessage): Signed {
  const unsigned = { timestamp: String(now), body: JSON.stringify(said) };
  return { ...unsigned, signature: signatureOf(key, unsigned) };
}

/** The message, or undefined where no key of ours signed it, or not now. */
export function readPeerMessage(keys: readonly Uint8Array[], now: number, signed: Signed): PeerMessage | undefined {
  const { timestamp, body, signature } = signed;
  if (!/^\d{1,15}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > WINDOW_MS) return undefined;
  if (!keys.some((key) => sameSecret(signature, signatureOf(key, { timestamp, body })))) return undefined;
  try {
    return message.parse(JSON.parse(body));
  } catch {
    return undefined; // a peer of another version: the poll finds what it meant
  }
}
