import type { HttpResponse } from "../http.ts";

/** As streams have their pings. */
const EVERY_MS = 10_000;

/**
 * Keeps a client that waits for a whole reply in hope while its tool calls are decided, for as long as a human takes: `head`
 * sends the reply's head after ten seconds, and a space follows as often. JSON may begin with any (RFC 8259 §2), so that every
 * parser reads the same value, and the clocks of proxies and SDKs start anew with each of them.
 */
export async function whileDecided<T>(
  res: HttpResponse,
  head: () => void,
  deciding: Promise<T>,
  everyMs = EVERY_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  // What a head cannot be made of comes from the provider: thrown in a timer, it would end the process.
  const failed = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      try {
        if (res.destroyed) return;
        if (!res.headersSent) head();
        res.write(" ");
      } catch (error) {
        reject(error);
      }
    }, everyMs);
  });
  try {
    return await Promise.race([deciding, failed]);
  } finally {
    clearInterval(timer);
  }
}
