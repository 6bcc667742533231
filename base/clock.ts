/** The one source of time, so that a test can stand at any moment. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** RFC 3339, UTC, milliseconds, `Z`: string order is time order (contracts §1.1). */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
