import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { leavesOut } from "../../../audit/recorder/gap.ts";
import { encodeFrame } from "../../../audit/spool/frame.ts";
import { listSegments } from "../../../audit/spool/segments.ts";
import { Spool } from "../../../audit/spool/spool.ts";
import { folder } from "../rig.ts";

test("a gap that began with a full spool ends when half of it is free, not with the first segment that is shipped", () => {
  const path = folder();
  const spool = new Spool({ path, maxBytes: 1_048_576, after: 0 });
  let left = false;
  const turns: boolean[] = [];
  const look = (): void => {
    if (left !== leavesOut(spool, left)) {
      left = !left;
      turns.push(left);
    }
  };
  // Each is a segment of its own.
  const keep = (): void => {
    spool.add(encodeFrame("body", [randomBytes(150_000)]));
    spool.sync();
    look();
  };
  const ship = (): void => {
    const [first] = listSegments(path);
    spool.release({ segment: first?.segment ?? 0, offset: first?.bytes ?? 0 });
    look();
  };
  while (!left) keep();
  for (let n = 0; n < 3; n++) {
    ship();
    keep();
  }
  expect(turns).toEqual([true]);
  while (listSegments(path).length > 3) ship();
  expect(turns).toEqual([true, false]);
  spool.close();
});
