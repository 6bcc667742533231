import type { Cell } from "./cell.ts";
import { deletes } from "./paths/deletes.ts";
import type { Pair } from "./paths/pair.ts";
import { connects, raws, reads } from "./paths/reads.ts";
import { writes } from "./paths/writes.ts";

export type { Asked, Pair } from "./paths/pair.ts";

/** Every path by which a cell may be asked. */
export function pairsOf(cell: Cell): Pair[] {
  switch (cell.kind) {
    case "write":
      return writes(cell);
    case "delete":
      return deletes(cell);
    case "connect":
      return connects(cell);
    case "read":
      return reads(cell);
    case "raw":
      return raws(cell);
  }
}
