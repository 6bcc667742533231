import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { bodyContent } from "../../audit/bodies.ts";
import { chainHash, GENESIS } from "../../audit/recorder/chain.ts";
import { encodeFrame } from "../../audit/spool/frame.ts";
import { listSegments, segmentPath } from "../../audit/spool/segments.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import { allRows, cleanup, draft, folder, reader, recorder, recorderOptions, spooledRows, until } from "./rig.ts";

const CHILD = fileURLToPath(new URL("./child-recorder.ts", import.meta.url));

/** Records in another process, kills it (-9) after `events` acknowledgements, and returns the numbers it printed. */
async function recordAndKill(path: string, first: number, events: number): Promise<number[]> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(recorderOptions(path)), String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    if (out.split("\n").length > events) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.on("close", resolve));
  return out.split("\n").slice(0, -1).map(Number);
}

/** The processes that hold chDB at `path` and were started by this one (by its recorder's thread). */
function storeChildren(path: string): number[] {
  return readdirSync("/proc/self/task")
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" "))
    .filter(Boolean)
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(path, "store")));
}

const ALL = process.env.SALLYPORT_TEST_ALL === "1";

describe("the recorder", () => {
  it("chains events from the first one of a session and writer", async () => {
    const path = folder();
    const audit = await recorder({ ...recorderOptions(path), writer: "w" });
    audit.record(draft({ kind: "session.opened", payload: { z: 1, a: [true, null, "é"] } }));
    audit.record(draft({ session_id: "s-2" }));
    audit.record(draft());
    await audit.flush({ toStore: true });
    const [first, second, other] = await allRows(audit);
    expect(first).toMatchObject({ seq: 1, writer: "w", prev_hash: GENESIS, payload: '{"a":[true,null,"é"],"z":1}' });
    expect(second).toMatchObject({ session_id: "s-1", seq: 2, prev_hash: first?.hash });
    expect(other).toMatchObject({ session_id: "s-2", seq: 1, prev_hash: GENESIS });
    const { hash, prev_hash, ...rest } = first ?? (draft() as never);
    expect(hash).toBe(chainHash(prev_hash, canonicalJson(rest)));
  });

  it("keeps every column as it was handed over", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path));
    const odd = 'quote " back\\slash \u0000 \u001b[2J \ud800 𝄞 \n\t';
    const event = draft({
      api_group: "apps",
      subresource: "scale",
      rules: ["a/b"],
      approval_id: "x-1",
      break_glass: true,
      masked_fields: ["data['x']"],
      record_level: "Request",
      revision: "b/g",
      digest: "d",
      user_agent: odd,
      source_ip: "::1",
      prompt_id: "p",
      tool_use_id: "t",
      duration_us: 12,
      request_bytes: 3,
      response_bytes: 4,
      at_ms: Date.UTC(2026, 10, 22, 10, 0, 0, 123) + 0.456,
      name: odd,
    });
    audit.record(event);
    await audit.flush({ toStore: true });
    const { at_ms: _, ...columns } = event;
    const clean = odd.toWellFormed();
    const [row] = await allRows(audit);
    expect(row).toMatchObject({
      ...columns,
      user_agent: clean,
      name: clean,
      tenant: "default",
      at: "2026-11-22 10:00:00.123456",
    });
    expect(verifyChain(await allRows(audit))).toMatchObject({ ok: true });
  });

  it("keeps contents once under their SHA-256, and leaves the caller's bytes alone", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path));
    const content = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256)); // pooled, with every byte there is
    const copy = Buffer.from(content);
    audit.record(draft({ request_content: content, response_content: Buffer.from("answer") }));
    audit.record(draft({ request_content: content }));
    await audit.flush({ toStore: true });
    expect(content.equals(copy)).toBe(true);
    const [first, second] = await allRows(audit);
    expect(second?.request_body).toBe(first?.request_body);
    expect((await bodyContent(audit, "default", first?.request_body ?? ""))?.equals(copy)).toBe(true);
    expect((await bodyContent(audit, "default", first?.response_body ?? ""))?.toString()).toBe("answer");
    expect(await audit.query("SELECT count() AS n FROM bodies FINAL")).toEqual([{ n: 2 }]);
  });

  it("keeps large contents and payloads whole", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path));
    const large = Buffer.alloc(24 * 1024 * 1024, "\\\n\u0000x");
    audit.record(draft({ name: "large", response_content: large }));
    const payload = { decisionId: "d-1", text: "x".repeat(9 * 1024 * 1024) };
    audit.record(draft({ name: "huge", payload }));
    audit.record(draft({ name: "odd time", at_ms: 1e20 }));
    audit.record(draft({ name: "long".repeat(100_000) }));
    await audit.flush({ toStore: true });
    const [first, second, ...rest] = await allRows(audit);
    expect((await bodyContent(audit, "default", first?.response_body ?? ""))?.equals(large)).toBe(true);
    const { payloadBody, ...said } = JSON.parse(second?.payload ?? "");
    expect(said).toEqual({ decisionId: "d-1", payloadTooLarge: expect.any(Number) });
    expect((await bodyContent(audit, "default", payloadBody))?.toString()).toBe(canonicalJson(payload));
    expect(rest.map(({ name }) => name.length)).toEqual([8, 400_000]);
  });

  it("records an event that JSON cannot hold without its payload, and says so", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path));
    audit.record(draft({ name: "odd", payload: { big: 1n } }));
    audit.record(draft({ name: "fine" }));
    await audit.flush({ toStore: true });
    const rows = await allRows(audit);
    expect(rows.map(({ name }) => name)).toEqual(["odd", "fine"]);
    expect(JSON.parse(rows[0]?.payload ?? "")).toHaveProperty("unrecordable");
  });

  it("has what was not asked to be durable on disk by a flush, in the order in which it was handed over", async () => {
    const path = folder();
    const options = recorderOptions(path);
    const audit = await recorder(options);
    for (let i = 0; i < 500; i++) audit.record(draft({ name: String(i) }));
    await audit.flush();
    expect(spooledRows(options.spool.path).map(({ name }) => Number(name))).toEqual(
      Array.from({ length: 500 }, (_, i) => i),
    );
  });

  it("puts what nobody waits for on disk by itself", async () => {
    const path = folder();
    const options = recorderOptions(path);
    const audit = await recorder(options);
    audit.record(draft({ name: "alone" }));
    await until(() => spooledRows(options.spool.path).some(({ name }) => name === "alone"));
  });

  it("has an acknowledged event on disk when the process is killed at once, and ships all of them once after a restart", async () => {
    const path = folder();
    const acknowledged = [...(await recordAndKill(path, 0, 40)), ...(await recordAndKill(path, 1000, 40))];
    const spooled = spooledRows(recorderOptions(path).spool.path).map(({ name }) => name);
    // The store may have some already, and their segments may be gone.
    const audit = await recorder(recorderOptions(path));
    await audit.flush({ toStore: true });
    const stored = (await allRows(audit)).filter(({ kind }) => kind === "request.intent");
    const names = stored.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([...acknowledged.map((n) => `n-${n}`), ...spooled]));
    expect(verifyChain(await allRows(audit))).toMatchObject({ ok: true });
  });

  it("ships nothing twice where the mark of what was shipped is lost", async () => {
    const path = folder();
    const options = recorderOptions(path);
    const first = await recorder(options);
    for (let i = 0; i < 50; i++) first.record(draft());
    await first.flush({ toStore: true });
    await first.close();
    appendFileSync(join(options.spool.path, "shipped.json"), "torn");
    const second = await recorder(options);
    second.record(draft({ session_id: "s-2" }));
    await second.flush({ toStore: true });
    expect(await allRows(second)).toHaveLength(51);
  });

  const torn: [what: string, damage: (bytes: Buffer) => Buffer][] = [
    ["a frame that was cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 5)],
    [
      "zeros where the last frame should be",
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -200), Buffer.alloc(200)]),
    ],
    [
      "a flipped bit in the last frame",
      (bytes: Buffer) =>
        Buffer.concat([bytes.subarray(0, -3), Buffer.from([(bytes.at(-3) ?? 0) ^ 1]), bytes.subarray(-2)]),
    ],
  ];
  // Each takes two recorders and a store.
  it.each(ALL ? torn : torn.slice(0, 1))(
    "keeps everything before a torn tail, and records the tear: %s",
    async (_, damage) => {
      const path = folder();
      const options = recorderOptions(path);
      const first = await recorder({ ...options, store: { embedded: join(path, "elsewhere") } });
      for (const name of ["a", "b", "c"]) await first.recordDurably(draft({ name }));
      await first.close();
      rmSync(join(options.spool.path, "shipped.json"), { force: true });
      const file = segmentPath(options.spool.path, 1);
      writeFileSync(file, damage(readFileSync(file)));
      const second = await recorder(options);
      await second.flush({ toStore: true });
      const rows = await allRows(second);
      expect(rows.filter(({ session_id }) => session_id === "s-1").map(({ name }) => name)).toEqual(["a", "b"]);
      const torn = rows.filter(({ kind }) => kind === "recorder.torn");
      expect(torn).toHaveLength(1);
      expect(JSON.parse(torn[0]?.payload ?? "")).toMatchObject({ segment: 1 });
    },
  );

  it("loses and doubles nothing when the store's process is killed, again and again, under load", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path));
    let recorded = 0;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 3000; i++) audit.record(draft({ name: String(recorded++) }));
      await audit.flush();
      await until(() => storeChildren(path).length > 0);
      for (const pid of storeChildren(path)) process.kill(pid, "SIGKILL");
    }
    await audit.flush({ toStore: true });
    const names = (await allRows(audit)).map(({ name }) => Number(name)).sort((a, b) => a - b);
    expect(names).toEqual(Array.from({ length: recorded }, (_, i) => i));
  });

  it("leaves no store process behind when it is killed", async () => {
    const path = folder();
    await recordAndKill(path, 0, 1);
    // Opening waits for chDB's lock, which an orphan would hold for ever.
    const store = await reader(path);
    expect(await store.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("keeps taking events while the store is away", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path));
    for (const pid of storeChildren(path)) process.kill(pid, "SIGKILL");
    await audit.recordDurably(draft({ name: "while away" }));
    expect(audit.failure()).toBeUndefined();
    await audit.flush({ toStore: true });
    expect(await allRows(audit)).toHaveLength(1);
  });

  it("lets go of segments that the store has", async () => {
    const path = folder();
    const options = recorderOptions(path, { maxBytes: 1_048_576 });
    const audit = await recorder(options);
    for (let i = 0; i < 6; i++) {
      await audit.recordDurably(draft({ request_content: randomBytes(150_000) }));
      await audit.flush({ toStore: true });
    }
    const bytes = listSegments(options.spool.path).reduce((sum, segment) => sum + segment.bytes, 0);
    expect(bytes).toBeLessThan(400_000);
    expect(await audit.query("SELECT count() AS n FROM bodies FINAL")).toEqual([{ n: 6 }]);
  });

  it("numbers new segments above those that are gone, so that nothing is taken for shipped", async () => {
    const path = folder();
    const options = recorderOptions(path, { maxBytes: 1_048_576 });
    for (let round = 0; round < 3; round++) {
      const audit = await recorder(options);
      await audit.recordDurably(draft({ request_content: randomBytes(200_000) }));
      await audit.flush({ toStore: true });
      await audit.close();
    }
    const store = await openStoreReader(options.store);
    cleanup(() => store.close());
    expect(await allRows(store)).toHaveLength(3);
  });

  it("is refused to a second process while the first has the spool", async () => {
    const path = folder();
    await recorder(recorderOptions(path));
    const child = spawn(process.execPath, [CHILD, JSON.stringify(recorderOptions(path)), "0"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).toMatch(/is in use by process \d+/);
  });

  it("refuses to start on a store whose schema is newer than the code", async () => {
    const path = folder();
    const first = await recorder(recorderOptions(path));
    await first.flush({ toStore: true });
    await first.close();
    const newer = "INSERT INTO sallyport.schema_version (version, name) VALUES (99, 'from the future')";
    execFileSync(process.execPath, [
      "--input-type=module",
      "-e",
      `import { Session } from "chdb"; new Session(process.argv[1]).query(process.argv[2]);`,
      join(path, "store"),
      newer,
    ]);
    await expect(recorder(recorderOptions(path))).rejects.toThrow(/schema is version 99; this Sallyport knows up to/);
  });
});

describe("a recorder that cannot record", () => {
  it("refuses what must be recorded when its worker is sick, and is back under a new writer with the gap on record", async () => {
    const path = folder();
    let worker: Worker | undefined;
    const seen = (started: Worker): void => {
      worker ??= started;
    };
    process.on("worker", seen);
    const audit = await recorder({ ...recorderOptions(path), writer: "first" });
    process.off("worker", seen);
    await audit.recordDurably(draft({ name: "before" }));
    worker?.postMessage({ type: "nonsense" });
    await until(() => audit.failure() !== undefined);
    await expect(audit.recordDurably(draft({ name: "meanwhile" }))).rejects.toMatchObject({
      code: "recorder-unavailable",
    });
    await until(() => audit.failure() === undefined);
    await audit.recordDurably(draft({ name: "after" }));
    await audit.flush({ toStore: true });
    const rows = await allRows(audit);
    expect(
      rows
        .filter(({ session_id }) => session_id === "s-1")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["after", "before"]);
    expect(new Set(rows.map(({ writer }) => writer)).size).toBe(2);
    expect(verifyChain(rows)).toMatchObject({ ok: true });
  });

  it("hands to the next worker that starts, once, what the one that ended had not put on disk", async () => {
    const path = folder();
    const { spool } = recorderOptions(path);
    const workers: Worker[] = [];
    const seen = (started: Worker): unknown => workers.push(started);
    process.on("worker", seen);
    const audit = await recorder(recorderOptions(path));
    await audit.recordDurably(draft({ name: "before" }));
    workers[0]?.postMessage({ type: "nonsense" });
    const names = ["a", "b", "c"];
    for (const name of names) audit.record(draft({ name, input: `{"of":"${name}"}` }));
    await audit.flush().catch(() => {});
    // It ended in the middle of a write, and the first that follows it cannot start.
    const [row] = spooledRows(spool.path);
    const half = encodeFrame("event", [Buffer.from(JSON.stringify({ ...row, seq: 2, name: "a" }))]);
    appendFileSync(segmentPath(spool.path, 1), half);
    renameSync(spool.path, `${spool.path}.away`);
    writeFileSync(spool.path, "");
    await until(() => workers.length === 2);
    await new Promise((resolve) => workers[1]?.once("exit", resolve));
    rmSync(spool.path);
    renameSync(`${spool.path}.away`, spool.path);
    process.off("worker", seen);
    await until(() => audit.failure() === undefined);
    await audit.flush({ toStore: true });
    const rows = (await allRows(audit)).filter(({ session_id }) => session_id === "s-1");
    expect(rows.map(({ name }) => name).sort()).toEqual([...names, "before"].sort());
    expect(rows.filter(({ payload }) => payload.includes('"input":{"of":')).length).toBe(3);
    expect(verifyChain(rows)).toMatchObject({ ok: true });
  });

  it("rejects what waits for the disk when its worker dies", async () => {
    const path = folder();
    let worker: Worker | undefined;
    process.once("worker", (started: Worker) => {
      worker = started;
    });
    const audit = await recorder(recorderOptions(path));
    await audit.recordDurably(draft());
    const waiting = audit.recordDurably(draft());
    void worker?.terminate();
    await expect(waiting).rejects.toMatchObject({ code: "recorder-unavailable" });
    expect(audit.failure()).toMatch(/worker ended/);
  });

  it("refuses while its folder is gone, and records on, in order, once it is back", async () => {
    const path = folder();
    const options = recorderOptions(path);
    const audit = await recorder(options);
    await audit.recordDurably(draft({ name: "1" }));
    await audit.flush({ toStore: true });
    // What is written to a removed file is never read again, though every call succeeds.
    renameSync(options.spool.path, `${options.spool.path}.away`);
    rmSync(segmentPath(`${options.spool.path}.away`, 1));
    await expect(audit.recordDurably(draft({ name: "2" }))).rejects.toMatchObject({ code: "recorder-unavailable" });
    expect(audit.failure()).toMatch(/removed|ENOENT/);
    audit.record(draft({ name: "3" }));
    renameSync(`${options.spool.path}.away`, options.spool.path);
    await until(() => audit.failure() === undefined);
    await audit.recordDurably(draft({ name: "4" }));
    await audit.flush({ toStore: true });
    const rows = await allRows(audit);
    expect(rows.map(({ name }) => name)).toEqual(["1", "2", "3", "4"]);
    expect(verifyChain(rows)).toMatchObject({ ok: true });
  });

  it("refuses past the spool's limit with onFull refuse, and is well once the store has taken some", async () => {
    const path = folder();
    const options = recorderOptions(path, { maxBytes: 1_048_576 });
    const audit = await recorder(options);
    const pids = storeChildren(path);
    for (const pid of pids) process.kill(pid, "SIGSTOP"); // a store that hangs
    try {
      const big = () => audit.recordDurably(draft({ request_content: randomBytes(300_000) }));
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, async (_, n) => {
          await new Promise((resolve) => setTimeout(resolve, n * 50));
          return big();
        }),
      );
      expect(results.some(({ status }) => status === "rejected")).toBe(true);
      expect(audit.failure()).toMatch(/the spool is full/);
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    await until(() => audit.failure() === undefined);
    await audit.recordDurably(draft({ name: "last" }));
    await audit.flush({ toStore: true });
    const rows = await allRows(audit);
    expect(rows.at(-1)?.name).toBe("last");
    expect(verifyChain(rows)).toMatchObject({ ok: true });
  });

  it("goes on with metadata past the spool's limit with onFull continue, and each gap says on record what it left out", async () => {
    const path = folder();
    const audit = await recorder(recorderOptions(path, { maxBytes: 1_048_576, onFull: "continue" }));
    const pids = storeChildren(path);
    for (const gap of ["", "again-"]) {
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      try {
        for (let n = 0; n < 6; n++)
          await audit.recordDurably(draft({ name: `${gap}${n}`, request_content: randomBytes(300_000) }));
        expect(audit.failure()).toBeUndefined();
      } finally {
        for (const pid of pids) process.kill(pid, "SIGCONT");
      }
      await audit.flush({ toStore: true });
      audit.record(draft({ name: `${gap}later` }));
      await audit.flush({ toStore: true });
    }
    const rows = await allRows(audit);
    const all = ["0", "1", "2", "3", "4", "5", "later"];
    expect(rows.filter(({ session_id }) => session_id === "s-1").map(({ name }) => name)).toEqual([
      ...all,
      ...all.map((name) => `again-${name}`),
    ]);
    const leftOut = (names: RegExp) => rows.filter((row) => names.test(row.name) && row.request_body === "").length;
    expect(leftOut(/^5$/)).toBe(1);
    const gaps = rows.filter(({ kind }) => kind === "recorder.gap").map(({ payload }) => JSON.parse(payload) as object);
    expect(gaps).toEqual([
      expect.objectContaining({ state: "began" }),
      { state: "ended", contentsLeftOut: leftOut(/^[0-5]$/) },
      expect.objectContaining({ state: "began" }),
      { state: "ended", contentsLeftOut: leftOut(/^again-[0-5]$/) },
    ]);
  });

  // A real file system of 2 MiB, in a mount namespace of the test's own: no mount is left behind.
  it.skipIf(!canMount())("refuses on a full disk, and records on, in order, once there is room", () => {
    expect(onSmallDisk("./full-disk.ts")).toEqual({
      code: "recorder-unavailable",
      failure: expect.stringMatching(/ENOSPC|part of a write|no bytes/),
      names: ["before", "refused", "queued", "after"],
      chain: expect.objectContaining({ ok: true }),
    });
  });

  it.skipIf(!canMount())(
    "has each event once whose batch was written in part when the disk was full and its worker ended",
    () => {
      expect(onSmallDisk("./full-disk-death.ts")).toEqual({
        failure: expect.stringMatching(/ENOSPC|part of a write|no bytes/),
        lost: 0,
        doubled: 0,
        chains: [true, true],
      });
    },
  );

  it("has each event once that was written, and not yet synced, when the spool was full and its worker ended", async () => {
    const path = folder();
    let worker: Worker | undefined;
    process.once("worker", (started: Worker) => {
      worker = started;
    });
    const audit = await recorder(recorderOptions(path, { maxBytes: 1_048_576 }));
    await audit.recordDurably(draft({ name: "before" }));
    await audit.flush({ toStore: true });
    const pids = storeChildren(path);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    const names = Array.from({ length: 60 }, (_, n) => `n-${n}`);
    try {
      for (const name of names) {
        audit.record(draft({ name, request_content: randomBytes(30_000) }));
        await new Promise((resolve) => setTimeout(resolve, 6));
      }
      await until(() => audit.failure() !== undefined);
      worker?.postMessage({ type: "nonsense" });
      await until(() => audit.failure()?.includes("worker ended") === true);
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    // What was handed over again may fill it once more.
    await until(() =>
      audit.flush({ toStore: true }).then(
        () => true,
        () => false,
      ),
    );
    const rows = (await allRows(audit)).filter(({ session_id }) => session_id === "s-1");
    expect(rows.map(({ name }) => name).sort()).toEqual([...names, "before"].sort());
  });
});

/** What a script prints that runs with its spool on a file system of 2 MiB. */
function onSmallDisk(script: string): unknown {
  const path = folder();
  const out = execFileSync("unshare", [
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    'mkdir "$1/spool" && mount -t tmpfs -o size=2m tmpfs "$1/spool" && exec "$2" "$3" "$4"',
    "sh",
    path,
    process.execPath,
    fileURLToPath(new URL(script, import.meta.url)),
    JSON.stringify(recorderOptions(path)),
  ]);
  return JSON.parse(out.toString());
}

function canMount(): boolean {
  try {
    execFileSync("unshare", ["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
