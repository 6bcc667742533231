import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { EventRow } from "../../../audit/event.ts";
import { CHECKPOINT_SESSION, parseCheckpoint, proveLeaf } from "../../../audit/evidence/checkpoint.ts";
import { keyId } from "../../../audit/evidence/note.ts";
import { rowsSource } from "../../../audit/evidence/verify/store-source.ts";
import { type RecordSource, verifyRecord } from "../../../audit/evidence/verify/verify-record.ts";
import { notesIn } from "../../../audit/evidence/witness.ts";
import { Chains } from "../../../audit/recorder/chain.ts";
import { uuid7 } from "../../../base/uuid7.ts";
import { draft, folder } from "../rig.ts";
import { keys, Process } from "./process.ts";

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

const verify = (rows: readonly EventRow[], notes?: readonly string[], over: Partial<RecordSource> = {}) =>
  verifyRecord(
    { ...rowsSource("default", rows), ...over },
    { keys, ...(notes === undefined ? {} : { witnesses: [each(notes)] }) },
  );

/** One process: two sessions, two checkpoints, and an end. */
async function whole(path: string, notes: string[] = []): Promise<Process> {
  const process = new Process(path, notes);
  for (const session of ["s-1", "s-2", "s-1"]) process.event(session);
  await process.checkpoint();
  for (const session of ["s-1", "s-3"]) process.event(session);
  await process.checkpoint();
  process.event("s-2");
  return process;
}

/** How a chain was let go: how far its last event was from the newest signed one, and what was compared. */
interface Gone {
  last: number;
  signed?: "as it was" | "edited" | "nothing";
  kept?: boolean;
  again?: boolean;
}

describe("verifying a record", () => {
  it("passes what several processes left, one after the other, and says up to when it was signed", async () => {
    const path = folder();
    const notes: string[] = [];
    const first = await whole(path, notes);
    await first.close();
    const second = await whole(path, notes);
    await second.close();
    const rows = [...first.rows, ...second.rows];
    expect(await verify(rows, notes)).toMatchObject({
      ok: true,
      findings: [],
      events: rows.length,
      chains: 8,
      checkpoints: 6,
      logs: 2,
      unsigned: { events: 0, chains: 0 },
      signedUntil: rows.at(-1)?.at,
      limits: ["recorded contents are not here, and were not checked"],
    });
  });

  it("says what the last unsigned minute leaves open, and finds it once the writer's end was signed", async () => {
    const process = await whole(folder());
    expect(await verify(process.rows, process.notes)).toMatchObject({ ok: true, unsigned: { events: 1, chains: 1 } });
    const cut = process.rows.filter(({ session_id, seq }) => session_id !== "s-2" || seq === 1);
    expect(await verify(cut, process.notes)).toMatchObject({ ok: true });
    await process.close();
    const closed = process.rows.filter(({ session_id, seq }) => session_id !== "s-2" || seq === 1);
    expect(await verify(closed, process.notes)).toMatchObject({
      findings: [{ what: "truncated", session_id: "s-2", writer: process.writer, seq: [2, 2] }],
    });
  });

  it("finds events that were added behind the end of a writer, and writers that no checkpoint knows", async () => {
    const process = await whole(folder());
    await process.close();
    process.event("s-3");
    const invented = new Chains({
      tenant: "default",
      writer: "00000000-0000-7000-8000-000000000000",
      newWriter: uuid7,
    });
    const { line } = invented.next({
      draft: draft({ session_id: "s-9" }),
      payload: "{}",
      requestBody: "",
      responseBody: "",
    });
    expect(await verify([...process.rows, JSON.parse(line) as EventRow], process.notes)).toMatchObject({
      findings: [
        { what: "added", session_id: "s-3", writer: process.writer, seq: [2, 2] },
        { what: "added", session_id: "s-9", writer: "00000000-0000-7000-8000-000000000000", seq: [1, 1] },
      ],
    });
  });

  it("finds that the newest checkpoints were removed with all that they cover, where a witness saw them", async () => {
    const process = await whole(folder());
    await process.close();
    const end = process.rows.findIndex(({ kind }) => kind === "checkpoint");
    const back = process.rows.slice(0, end + 1);
    const unwitnessed = await verify(back);
    expect(unwitnessed).toMatchObject({ ok: true });
    expect(unwitnessed.limits).toContainEqual(expect.stringMatching(/no witness was asked/));
    const { ok, findings } = await verify(back, process.notes);
    expect(ok).toBe(false);
    expect(findings).toContainEqual(
      expect.objectContaining({
        what: "missing-checkpoint",
        log: process.writer,
        size: process.rows
          .map(({ kind, payload }) => (kind === "checkpoint" ? parseCheckpoint(payload).size : 0))
          .findLast((size) => size > 0),
      }),
    );
  });

  it("finds it also where somebody added a bad signature by our key behind each note that the witness has", async () => {
    const process = await whole(folder());
    const end = process.rows.findIndex(({ kind }) => kind === "checkpoint");
    const [key = expect.fail()] = keys;
    const place = process.notes.map((note) => {
      const [name = ""] = note.split("\n");
      return `\n${note}— ${name} ${Buffer.concat([keyId(name, key), Buffer.alloc(64)]).toString("base64")}\n`;
    });
    expect((await verify(process.rows, notesIn(place.join("")))).findings).toEqual([]);
    expect((await verify(process.rows.slice(0, end + 1), notesIn(place.join("")))).findings).toContainEqual(
      expect.objectContaining({ what: "missing-checkpoint", log: process.writer }),
    );
  });

  it("finds a process that was dropped whole, by the one that follows it", async () => {
    const path = folder();
    const first = await whole(path);
    await first.close();
    const second = await whole(path);
    const { findings } = await verify(second.rows);
    expect(findings).toContainEqual(
      expect.objectContaining({
        what: "missing-checkpoint",
        log: first.writer,
        why: expect.stringMatching(/nothing of its log is here/),
      }),
    );
  });

  it("finds two histories that were both signed: a spool that was copied, and went on twice", async () => {
    const path = folder();
    const notes: string[] = [];
    const first = await whole(join(path, "spool"), notes);
    await first.close();
    cpSync(join(path, "spool"), join(path, "copy"), { recursive: true });
    const one = await whole(join(path, "spool"), notes);
    const other = await whole(join(path, "copy"));
    const both = await verify([...first.rows, ...one.rows, ...other.rows], notes);
    expect(both.findings).toMatchObject([{ what: "forked-checkpoint", log: first.writer }]);
    const swapped = await verify([...first.rows, ...other.rows], notes);
    expect(swapped.findings).toContainEqual(expect.objectContaining({ what: "missing-checkpoint", log: one.writer }));
  });

  it("finds a log that goes on after the checkpoint which another process follows", async () => {
    const path = folder();
    const first = await whole(join(path, "spool"));
    cpSync(join(path, "spool"), join(path, "copy"), { recursive: true });
    await first.close();
    const second = await whole(join(path, "copy"));
    const { findings } = await verify([...first.rows, ...second.rows]);
    expect(findings).toMatchObject([
      { what: "forked-checkpoint", log: first.writer, why: expect.stringMatching(/goes on otherwise/) },
    ]);
  });

  it("seals what a process that was cut short left behind its last checkpoint", async () => {
    const path = folder();
    const first = await whole(path);
    const orphans = first.rows.filter(({ session_id, seq }) => session_id === "s-2" && seq === 2);
    const second = new Process(path, [], orphans);
    await second.close();
    const rows = [...first.rows, ...second.rows];
    expect(await verify(rows)).toMatchObject({ ok: true, unsigned: { events: 0 } });
    expect(await verify(rows.filter((row) => row !== orphans[0]))).toMatchObject({
      findings: [{ what: "truncated", session_id: "s-2", seq: [2, 2] }],
    });
  });

  it("proves one session by its own proofs, and finds its end cut off", async () => {
    const process = await whole(folder());
    await process.close();
    const proofs = process.rows
      .filter(({ kind }) => kind === "checkpoint")
      .map(({ payload }) => parseCheckpoint(payload))
      .flatMap((one) => one.leaves.map((leaf, i) => ({ leaf, proof: proveLeaf("default", one, i) })))
      .filter(({ leaf }) => leaf.session_id === "s-1");
    const newest = proofs.at(-1)?.proof;
    const rows = process.rows.filter(({ session_id }) => session_id === "s-1");
    const over: Partial<RecordSource> = {
      scope: "session",
      proofs: async function* () {
        if (newest !== undefined) yield { line: 1, value: newest };
      },
    };
    expect(await verify(rows, process.notes, over)).toMatchObject({ ok: true, events: 3, unsigned: { events: 0 } });
    expect(await verify(rows.slice(0, 2), process.notes, over)).toMatchObject({
      findings: [{ what: "truncated", session_id: "s-1", seq: [1, 3] }],
    });
  });

  it("proves a session that two checkpoints of one log sign: a process was killed, and the next one sealed what it left", async () => {
    const path = folder();
    const first = new Process(path);
    first.event("s-1");
    await first.checkpoint();
    first.event("s-1");
    const second = new Process(path, [], first.rows.slice(-1));
    await new Promise(setImmediate); // what was left is known
    second.event("s-2");
    await second.checkpoint();
    second.event("s-1");
    await second.checkpoint();
    const rows = [...first.rows, ...second.rows];
    const proofs = rows
      .filter(({ kind }) => kind === "checkpoint")
      .map(({ payload }) => parseCheckpoint(payload))
      .flatMap((one) => one.leaves.map((leaf, i) => ({ leaf, proof: proveLeaf("default", one, i) })))
      .filter(({ leaf }) => leaf.session_id === "s-1")
      .slice(-2);
    expect(proofs.map(({ leaf, proof }) => [leaf.writer, proof.log])).toEqual([
      [first.writer, second.writer],
      [second.writer, second.writer],
    ]);
    const { findings } = await verify(
      rows.filter(({ session_id }) => session_id === "s-1"),
      second.notes,
      {
        scope: "session",
        proofs: async function* () {
          for (const { proof } of proofs) yield { line: 1, value: proof };
        },
      },
    );
    expect(findings).toEqual([]);
  });

  it("follows a period whose chains began before it, and asks for no event past its end", async () => {
    const process = await whole(folder());
    await process.close();
    const until = process.rows.filter(({ kind }) => kind === "checkpoint")[1]?.at ?? "";
    const rows = process.rows.filter(
      ({ session_id, seq }) =>
        session_id === CHECKPOINT_SESSION || (session_id === "s-1" && seq > 1) || (session_id === "s-2" && seq === 1),
    );
    const verdict = await verify(rows, process.notes, { scope: "period", until });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.limits).not.toContainEqual(expect.stringMatching(/nothing here is signed/));
    const { findings } = await verify(
      rows.filter(({ session_id, seq }) => session_id !== "s-1" || seq !== 2),
      process.notes,
      { scope: "period", until },
    );
    expect(findings).toEqual([]); // its beginning is what a pack's signed manifest proves
    const altered = rows.map((row) => (row.session_id === "s-1" && row.seq === 3 ? { ...row, verb: "delete" } : row));
    expect((await verify(altered, process.notes, { scope: "period", until })).findings).toMatchObject([
      { what: "altered", seq: [3, 3] },
    ]);
  });

  it("excuses what was let go in its time by a signed event that says so, and by none that anybody could have added", async () => {
    const path = folder();
    const first = await whole(path);
    await first.close();
    const chains = ["s-1", CHECKPOINT_SESSION].flatMap((session) => {
      const last = first.rows.findLast(({ session_id }) => session_id === session);
      return last === undefined
        ? []
        : [{ session_id: session, writer: last.writer, last_seq: last.seq, last_hash: last.hash }];
    });
    const second = new Process(path, first.notes);
    second.event("recorder", "record.expired", { chains });
    const kept = first.rows.filter(({ session_id }) => session_id !== "s-1" && session_id !== CHECKPOINT_SESSION);
    const unsigned = await verify([...kept, ...second.rows], second.notes);
    expect(unsigned.findings).not.toEqual([]);
    await second.close();
    const verdict = await verify([...kept, ...second.rows], second.notes);
    expect(verdict.findings).toEqual([]);
    expect(verdict.limits).toContainEqual(expect.stringMatching(/let go when their time was over/));
    // It excuses no other session of the same process.
    const { findings } = await verify(
      [...first.rows.filter(({ session_id }) => session_id !== "s-2"), ...second.rows],
      second.notes,
    );
    expect(findings).toContainEqual(expect.objectContaining({ what: "dropped-session", session_id: "s-2" }));
  });

  it.each<[string, Gone, string]>([
    ["its last event is the newest that was signed", { last: 0 }, "excused"],
    [
      "its end was not signed, and what was signed was compared before it went",
      { last: 2, signed: "as it was" },
      "excused",
    ],
    ["its end was not signed, and what was compared is another chain", { last: 2, signed: "edited" }, "found"],
    ["its end was not signed, and nothing of it had been either by then", { last: 2, signed: "nothing" }, "found"],
    ["nobody compared it", { last: 2 }, "uncompared"],
    ["it stayed at the last moment", { last: 0, kept: true }, "found"],
    ["it stayed once, and went later", { last: 0, kept: true, again: true }, "excused"],
  ])("of a chain that is gone, when %s: %o is %s", async (_, { last, signed, kept, again }: Gone, becomes) => {
    const path = folder();
    const first = await whole(path);
    await first.close();
    const newest = first.rows.findLast(({ session_id }) => session_id === "s-1");
    const { writer = "", seq = 0, hash = "" } = newest ?? {};
    const digest = (is: boolean): string => (is ? hash : "f".repeat(64));
    const chain = {
      session_id: "s-1",
      writer,
      last_seq: seq + last,
      last_hash: digest(last === 0),
      ...(signed === undefined
        ? {}
        : signed === "nothing"
          ? { signed_seq: 0, signed_hash: "" }
          : { signed_seq: seq, signed_hash: digest(signed === "as it was") }),
    };
    const second = new Process(path, first.notes);
    second.event("recorder", "record.expired", { chains: [chain] });
    if (kept === true) second.event("recorder", "record.expired", { chains: [], kept: [chain] });
    if (again === true) second.event("recorder", "record.expired", { chains: [chain] });
    await second.close();
    const left = [...first.rows.filter(({ session_id }) => session_id !== "s-1"), ...second.rows];
    const { findings, limits } = await verify(left, second.notes);
    expect(findings.map(({ what, session_id }) => [what, session_id])).toEqual(
      becomes === "found" ? [["dropped-session", "s-1"]] : [],
    );
    expect(limits.some((limit) => limit.includes("nothing says that they were whole"))).toBe(becomes === "uncompared");
  });

  it("says that nothing is proven where nothing was signed, or by a key that does not count", async () => {
    const process = await whole(folder());
    const events = process.rows.filter(({ kind }) => kind !== "checkpoint");
    expect((await verify(events)).limits).toContainEqual(expect.stringMatching(/nothing here is signed/));
    const { findings } = await verifyRecord(rowsSource("default", process.rows), { keys: [] });
    expect(findings.map(({ what }) => what)).toEqual(["altered-checkpoint", "altered-checkpoint"]);
  });

  it("finds a witness empty that should not be, and leaves notes of others aside", async () => {
    const process = await whole(folder());
    expect(await verify(process.rows, [])).toMatchObject({ findings: [{ what: "missing-checkpoint" }] });
    const foreign = process.notes.map((note) => note.replace("sallyport/default", "sallyport/other"));
    const { ok, limits } = await verify(process.rows, [...process.notes, ...foreign]);
    expect(ok).toBe(true);
    expect(limits).toContainEqual("2 notes of the witness are signed by no key that counts");
  });

  it.each<[string, Partial<EventRow>]>([
    ["a number that is none", { seq: Number.NaN }],
    ["another tenant", { tenant: "other" }],
    ["a name that has no canonical form", { name: "\ud800" }],
    ["a column that we do not know", { extra: 1 } as Partial<EventRow>],
    ["a payload that is no JSON", { payload: "{" }],
  ])("finds a row with %s", async (_, over) => {
    const { rows } = await whole(folder());
    const edited = rows.map((row) => (row.session_id === "s-1" && row.seq === 2 ? { ...row, ...over } : row));
    expect((await verify(edited)).ok).toBe(false);
  });
});
