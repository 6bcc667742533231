import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Line } from "./witness.ts";
import { witnessed } from "./witnessed.ts";

interface Life {
  gateway: Line[];
  recorder: Line[];
}

/** What is said of exchange `e`, whose outcome is not on record, after these processes of a gateway. */
function said(...lives: Life[]): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-witness-"));
  try {
    for (const [n, { gateway, recorder }] of lives.entries()) {
      const text = (lines: Line[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
      writeFileSync(join(folder, `${n + 1}.gateway.log`), `${text(gateway)}{"alive":`);
      writeFileSync(join(folder, `${n + 1}.recorder.log`), text(recorder));
    }
    return witnessed(folder).whyMissed("e");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const turns = (...times: number[]): Line[] => times.map((at) => ({ alive: true, at }));
const answered: Line = { answered: "e", at: 100 };
const handed: Line = { handed: ["e"], batch: 7, at: 105 };
const next: Life = { gateway: turns(900), recorder: turns(900) };
const HANDED = [...turns(90), answered, handed];

test.each<[string, Life[], RegExp | undefined]>([
  ["never answered", [{ gateway: turns(90), recorder: [] }, next], /no process/],
  [
    "on its way to the recorder's thread",
    [{ gateway: [...turns(90), answered, ...turns(110, 120)], recorder: [] }, next],
    undefined,
  ],
  [
    "kept back by the gateway's thread",
    [{ gateway: [answered, ...turns(110, 120, 130)], recorder: [] }, next],
    /not handed over.* 3 times/,
  ],
  ["on its way to the disk, however late that is", [{ gateway: HANDED, recorder: turns(90, 5_000) }, next], undefined],
  ["left by the recorder's thread", [{ gateway: HANDED, recorder: turns(110, 120) }, next], /batch 7.* 2 times/],
  [
    "left for want of room",
    [{ gateway: HANDED, recorder: [{ failing: "full", at: 50 }, ...turns(110, 120)] }, next],
    undefined,
  ],
  ["on disk", [{ gateway: HANDED, recorder: [{ synced: 7, at: 106 }] }, next], /on disk, in batch 7/],
  ["handed over in a process that was not killed", [{ gateway: HANDED, recorder: [] }], /not killed/],
])("an outcome that is missing on record may have been under way, and no more: %s", (_, lives, why) => {
  if (why === undefined) expect(said(...lives)).toBeUndefined();
  else expect(said(...lives)).toMatch(why);
});
