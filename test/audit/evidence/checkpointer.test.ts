import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Checkpoint, checkpointFault, verifyTreeHead, WRITER_ENDED } from "../../../audit/evidence/checkpoint.ts";
import { notesIn } from "../../../audit/evidence/witness.ts";
import { openRecorder } from "../../../audit/recorder/recorder.ts";
import { draft, folder, recorderOptions, spooledRows, until } from "../rig.ts";
import { checkpointKey, checkpointsOf, signing } from "./rig.ts";

/** A process that signs once, records on, and is killed. */
function cutShort(path: string, keyFile: string): void {
  const script = `
    const { openRecorder } = await import(${JSON.stringify(new URL("../../../audit/recorder/recorder.ts", import.meta.url).href)});
    const log = { info() {}, warn() {}, error() {}, debug() {} };
    const recorder = await openRecorder({ ...JSON.parse(process.argv[1]), log, clock: { now: Date.now } });
    const event = (session_id) => recorder.recordDurably({ kind: "request.intent", session_id, at_ms: Date.now() });
    await event("s-1");
    await recorder.checkpoint();
    await event("s-1");
    await event("s-2");
    process.kill(process.pid, "SIGKILL");`;
  const { log: _, clock: __, ...options } = { ...recorderOptions(path), checkpointKey: keyFile };
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script, JSON.stringify(options)], {
    encoding: "utf8",
  });
  expect([child.signal, child.stderr]).toEqual(["SIGKILL", ""]);
}

describe("the recorder's checkpoints", () => {
  it("sign where each chain stands, on demand and at the end; the next process names and seals one that was cut short", async () => {
    const path = folder();
    const { keyFile, publicKey } = checkpointKey(path);
    cutShort(path, keyFile);
    const recorder = await signing(path, keyFile, {
      checkpoints: { everySeconds: 1, to: [{ file: join(path, "witness") }] },
    });
    const made = async (): Promise<Checkpoint[]> =>
      checkpointsOf(await recorder.query("SELECT * FROM events WHERE kind = 'checkpoint' ORDER BY writer, seq"));
    const ends = async (): Promise<boolean> =>
      (await made()).some(({ leaves }) => leaves.some(({ hash }) => hash === WRITER_ENDED));
    await until(ends);
    for (const session_id of ["s-3", "s-4", "s-3"]) recorder.record(draft({ session_id }));
    const { size } = (await recorder.checkpoint()) ?? { size: 0 };
    expect(await recorder.checkpoint()).toMatchObject({ size }); // nothing moved
    await recorder.flush({ toStore: true });

    const [before, ...after] = await made();
    for (const one of [before, ...after]) expect(one && checkpointFault("default", one, [publicKey])).toBeUndefined();
    expect(after[0]?.previous).toMatchObject({ log: before?.log, size: 1 });
    const leaves = after.flatMap((one) => one.leaves);
    const of = (log: string | undefined) =>
      leaves.filter(({ writer }) => writer === log).map(({ session_id, seq }) => [session_id, seq]);
    expect(of(before?.log)).toEqual(
      expect.arrayContaining([
        ["s-1", 2],
        ["s-2", 1],
        ["checkpoints", 1],
      ]),
    );
    expect(of(after[0]?.log)).toEqual(
      expect.arrayContaining([
        ["s-3", 2],
        ["s-4", 1],
      ]),
    );
    const [{ hash } = { hash: "" }] = await recorder.query<{ hash: string }>(
      "SELECT hash FROM events WHERE session_id = 's-3' AND seq = 2",
    );
    expect(leaves).toContainEqual(expect.objectContaining({ session_id: "s-3", hash }));
    expect(recorder.evidence()).toMatchObject({ signedAt: expect.any(Number), places: [] });

    const count = (await made()).length;
    await recorder.close();
    const notes = notesIn(readFileSync(join(path, "witness"), "utf8"));
    expect(notes).toHaveLength(count); // all but the first, which was kept nowhere else, and the last one
    expect(notes.every((note) => verifyTreeHead("default", note, [publicKey]).ok)).toBe(true);
  }, 60_000);

  it("are signed by a program that asks a key service, and by the next checkpoint where it was away", async () => {
    const path = folder();
    const { keyFile, publicFile, publicKey } = checkpointKey(path);
    const program = join(path, "sign");
    // What stands for a key service here is openssl with the private key, and a file that says whether it is away.
    writeFileSync(
      program,
      `#!/bin/sh\ntest -e ${path}/away && { echo "the service is away" >&2; exit 1; }\ncat > ${path}/bytes\nopenssl pkeyutl -sign -rawin -inkey ${keyFile} -in ${path}/bytes | base64 -w0\n`,
    );
    chmodSync(program, 0o755);
    writeFileSync(join(path, "away"), "");
    const recorder = await signing(path, publicFile, {
      checkpoints: { everySeconds: 3600, to: [], command: [program] },
    });
    recorder.record(draft());
    await expect(recorder.checkpoint()).rejects.toThrow(/the service is away/);
    expect(recorder.failure()).toBeUndefined();
    rmSync(join(path, "away"));
    expect(await recorder.checkpoint()).toMatchObject({ size: 1 });
    const [made] = checkpointsOf(spooledRows(join(path, "spool")));
    expect(verifyTreeHead("default", made?.note ?? "", [publicKey])).toMatchObject({ ok: true });
  });

  it("keep the gateway from starting where the key is none, or the state beside the spool was edited", async () => {
    const path = folder();
    const { publicFile, keyFile } = checkpointKey(path);
    // Not as `signing` opens one, whose store is made before.
    const start = (key: string) => openRecorder({ ...recorderOptions(path), checkpointKey: key });
    await expect(start(publicFile)).rejects.toThrow(/no private key/);
    await expect(start(join(path, "none"))).rejects.toThrow(/cannot be read/);
    writeFileSync(join(path, "spool", "checkpoints.json"), "{");
    await expect(start(keyFile)).rejects.toThrow(/checkpoints.json cannot be read/);
    expect(existsSync(join(path, "store"))).toBe(false);
  });
});
