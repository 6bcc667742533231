import type { Spool } from "../spool/spool.ts";

/** Contents are kept again once so much of the limit is free: what ends a gap at its edge begins one with the next. */
const ROOM = 0.5;

/** With `onFull: continue`: whether contents are left out from here, where they `were` until here. */
export function leavesOut(spool: Pick<Spool, "full">, were: boolean): boolean {
  return spool.full(were ? ROOM : 1);
}
