import type { EventRow } from "./event.ts";

/** When an event happened, in milliseconds since the epoch, with a fraction. */
export function eventTime({ at }: Pick<EventRow, "at">): number {
  return Date.parse(`${at.slice(0, 10)}T${at.slice(11, 23)}Z`) + Number(at.slice(23)) / 1000;
}
