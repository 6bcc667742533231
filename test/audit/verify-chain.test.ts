import { describe, expect, it } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { Chains } from "../../audit/recorder/chain.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { draft } from "./rig.ts";

/** Two sessions of three events each, as the store gives them back. */
function chain(): EventRow[] {
  const chains = new Chains({ tenant: "default", writer: "w", newWriter: () => "w2" });
  return ["s-1", "s-1", "s-1", "s-2", "s-2", "s-2"].map((session_id) => {
    const { line } = chains.next({ draft: draft({ session_id }), payload: "{}", requestBody: "", responseBody: "" });
    return JSON.parse(line) as EventRow;
  });
}
const change = (rows: EventRow[], i: number, over: Partial<EventRow>): EventRow[] =>
  rows.map((row, j) => (i === j ? { ...row, ...over } : row));

describe("verifyChain", () => {
  it("passes what was recorded, whatever lies between two events of a chain", () => {
    const rows = chain();
    expect(verifyChain(rows)).toEqual({ ok: true, chains: 2, events: 6 });
    expect(verifyChain([0, 3, 1, 4, 2, 5].map((i) => rows[i] as EventRow))).toMatchObject({ ok: true });
  });

  const columns = Object.keys(chain()[1] ?? {}) as (keyof EventRow)[];
  it.each(columns)("finds that %s was altered", (column) => {
    const rows = chain();
    const old = rows[1]?.[column];
    const value =
      typeof old === "number"
        ? old + 1
        : typeof old === "boolean"
          ? !old
          : Array.isArray(old)
            ? [...old, "x"]
            : `${old}x`;
    expect(verifyChain(change(rows, 1, { [column]: value }))).toMatchObject({ ok: false });
  });

  it.each<[string, (rows: EventRow[]) => EventRow[], string]>([
    ["an event removed from the middle", (rows) => rows.toSpliced(1, 1), "event 2 is missing"],
    ["the first event removed", (rows) => rows.toSpliced(3, 1), "event 1 is missing"],
    [
      "two events swapped",
      (rows) => rows.with(1, rows[2] as EventRow).with(2, rows[1] as EventRow),
      "event 2 comes after event 3",
    ],
    ["an event doubled", (rows) => rows.toSpliced(1, 0, rows[1] as EventRow), "moved, doubled or added"],
    [
      "numbers and content of two events swapped",
      (rows) => change(change(rows, 1, { name: "x" }), 2, { name: "y" }),
      "not what was recorded",
    ],
    [
      "an event taken from another session",
      (rows) => rows.with(4, { ...(rows[1] as EventRow), session_id: "s-2" }),
      "does not follow",
    ],
  ])("finds %s", (_, tamper, why) => {
    expect(verifyChain(tamper(chain()))).toMatchObject({ ok: false, why: expect.stringContaining(why) });
  });

  it("names the event that is wrong", () => {
    expect(verifyChain(change(chain(), 4, { verb: "list" }))).toMatchObject({
      ok: false,
      at: { session_id: "s-2", writer: "w", seq: 2 },
    });
  });
});
