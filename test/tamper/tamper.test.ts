import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { FormerChains } from "../../audit/evidence/former-chains.ts";
import { Reconciler } from "../../audit/evidence/reconciler.ts";
import { hashOf } from "./editor.ts";
import { KINDS } from "./edits.ts";
import type { Homes } from "./homes.ts";
import { openRecord, tamper } from "./tamper.ts";

const all = process.env.SALLYPORT_TEST_ALL === "1";
let record: Homes;
beforeAll(async () => {
  record = await openRecord(all ? 3 : 1);
}, 120_000);
afterAll(() => record.close());

// The same code as `npm run test:tamper`, which makes a thousand edits.
it("finds, names and locates each edit of an export or a store by an editor without the key, and passes what nobody touched", async () => {
  const { counts, misses, alarms } = await tamper(record, { cases: all ? 160 : 16, untouched: 3, seed: 7 });
  expect(misses).toEqual([]);
  expect(alarms).toEqual([]);
  expect([...counts.keys()].sort()).toEqual(KINDS.flatMap((kind) => [`${kind}, export`, `${kind}, store`]).sort());
}, 120_000);

describe("the gateway, while it runs, finds in its store", () => {
  const edits: [string, string, (rows: EventRow[], target: EventRow) => EventRow[]][] = [
    ["nothing, where nobody edited it", "", (rows) => rows],
    ["an event that was removed", "removed", (rows, target) => rows.filter((row) => row !== target)],
    [
      "a session that was dropped",
      "dropped-session",
      (rows, target) => rows.filter((row) => row.session_id !== target.session_id),
    ],
    ["an event that was put in twice", "added", (rows, target) => [...rows, target]],
    [
      "an event that was altered",
      "altered",
      (rows, target) => rows.map((row) => (row === target ? { ...row, verb: "get" } : row)),
    ],
    [
      "a head that was altered, its hash computed anew",
      "altered",
      (rows, target) =>
        rows.map((row) =>
          row === last(rows, target) ? { ...row, hash: hashOf({ ...row, verb: "get" }), verb: "get" } : row,
        ),
    ],
  ];
  const last = (rows: EventRow[], of: EventRow): EventRow | undefined =>
    rows.findLast(({ session_id, writer }) => session_id === of.session_id && writer === of.writer);

  it.each(edits)("%s, in chains of its own and in those of processes before it", async (_, what, apply) => {
    const writer = record.rows[0]?.writer ?? "";
    const rows = record.rows.filter((row) => row.writer === writer);
    const heads = [
      ...new Map(rows.map(({ session_id, seq, hash }) => [session_id, { session_id, writer, seq, hash }])).values(),
    ];
    const target = rows.find(({ session_id, seq }) => session_id === "s-bob" && seq === 2);
    if (target === undefined) throw new Error("the record has no such event");
    const [, , store] = record.homes;
    const reconciler = new Reconciler(record.store, "default");
    await store.write(apply(record.rows, target), record.bodies);
    const { chains, events, differences } = await reconciler.round(heads);
    expect([chains, events]).toEqual([heads.length, expect.any(Number)]);
    expect(new Set(differences.map((one) => one.what))).toEqual(
      new Set(what === "" ? [] : [what, ...differences.slice(1).map((one) => one.what)]),
    );
    for (const { session_id } of differences) expect(session_id).toBe("s-bob");
    // Found again by a later round, though the chain did not move.
    if (what !== "" && what !== "altered")
      expect((await reconciler.round(heads)).differences).toMatchObject([{ what, session_id: "s-bob" }]);

    const former = new FormerChains(record.store, "default", [record.publicKey]);
    // From anywhere to the end, and once more from the beginning.
    await former.round(["another"]);
    const found = [{ what, session_id: "s-bob" }];
    expect((await former.round(["another"])).differences).toMatchObject(what === "" ? [] : found);
    if (what !== "removed") return;
    await store.write(record.rows, record.bodies);
    expect((await former.round(["another"])).differences).toEqual([]);
    expect(await former.round(record.rows.map((row) => row.writer))).toMatchObject({ chains: 0 });
  });
});
