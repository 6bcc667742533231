import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkpointFault, verifyTreeHead, WRITER_ENDED } from "../../../audit/evidence/checkpoint.ts";
import { notesIn } from "../../../audit/evidence/witness.ts";
import { allRows, draft, folder, reader, spooledRows } from "../rig.ts";
import { checkpointKey, checkpointsOf, signing } from "./rig.ts";

describe("the recorder's checkpoints", () => {
  it("sign where each chain stands, on demand and at the end, and name the process before on the same spool", async () => {
    const path = folder();
    const { keyFile, publicKey } = checkpointKey(path);
    let recorder = await signing(path, keyFile);
    for (const session_id of ["s-1", "s-2", "s-1"]) recorder.record(draft({ session_id }));
    expect(await recorder.checkpoint()).toMatchObject({ size: 2 });
    expect(await recorder.checkpoint()).toMatchObject({ size: 2 }); // nothing moved
    recorder.record(draft({ session_id: "s-2" }));
    await recorder.close();
    recorder = await signing(path, keyFile);
    recorder.record(draft({ session_id: "s-1" }));
    await recorder.close();

    const rows = await allRows(await reader(path));
    const made = checkpointsOf(rows);
    for (const one of made) expect(checkpointFault("default", one, [publicKey])).toBeUndefined();
    const [first, last, next] = made;
    expect(made).toHaveLength(3);
    expect(first?.leaves).toEqual([
      {
        session_id: "s-1",
        writer: first?.log,
        seq: 2,
        hash: rows.find((r) => r.session_id === "s-1" && r.seq === 2)?.hash,
      },
      { session_id: "s-2", writer: first?.log, seq: 1, hash: rows.find((r) => r.session_id === "s-2")?.hash },
    ]);
    expect(last?.leaves.map(({ session_id, seq }) => [session_id, seq])).toEqual([
      ["s-2", 2],
      ["checkpoints", 1],
      ["checkpoints", 1],
    ]);
    expect(last?.leaves.at(-1)?.hash).toBe(WRITER_ENDED);
    const { log, size, root } = last ?? {};
    expect(next?.previous).toEqual({ log, size, root });
    expect(next?.leaves[0]).toMatchObject({ session_id: "checkpoints", writer: log, seq: 2 });
    expect(notesIn(readFileSync(join(path, "witness"), "utf8"))).toEqual(made.map(({ note }) => note));
  });

  it("of a process that was cut short are made by the next one, which declares its writer ended", async () => {
    const path = folder();
    const { keyFile } = checkpointKey(path);
    const options = { checkpoints: { everySeconds: 1, to: [] } };
    const script = `
      const { openRecorder } = await import(${JSON.stringify(join(process.cwd(), "audit/recorder/recorder.ts"))});
      const log = { info() {}, warn() {}, error() {}, debug() {} };
      const recorder = await openRecorder({ ...JSON.parse(process.argv[1]), log, clock: { now: Date.now } });
      const event = (session_id) => recorder.recordDurably({ kind: "request.intent", session_id, at_ms: Date.now() });
      await event("s-1");
      await recorder.checkpoint();
      await event("s-1");
      await event("s-2");
      process.kill(process.pid, "SIGKILL");`;
    const child = spawnSync(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        script,
        JSON.stringify({
          tenant: "default",
          spool: { path: join(path, "spool"), maxBytes: 1_073_741_824, onFull: "refuse" },
          store: { embedded: join(path, "store") },
          checkpointKey: keyFile,
        }),
      ],
      { encoding: "utf8" },
    );
    expect([child.signal, child.stderr]).toEqual(["SIGKILL", ""]);

    const recorder = await signing(path, keyFile, options);
    const made = async () =>
      checkpointsOf(await recorder.query("SELECT * FROM events WHERE kind = 'checkpoint' ORDER BY writer, seq"));
    await expect
      .poll(async () => (await made()).flatMap(({ leaves }) => leaves).some(({ hash }) => hash === WRITER_ENDED), {
        timeout: 10_000,
      })
      .toBe(true);
    const [before, ...after] = await made();
    expect(after[0]?.previous).toMatchObject({ log: before?.log, size: 1 });
    const leaves = after.flatMap((one) => one.leaves).filter(({ writer }) => writer === before?.log);
    expect(leaves.map(({ session_id, seq }) => [session_id, seq])).toEqual(
      expect.arrayContaining([
        ["s-1", 2],
        ["s-2", 1],
        ["checkpoints", 1],
      ]),
    );
  });

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
    await expect(signing(path, publicFile)).rejects.toThrow(/no private key/);
    await expect(signing(path, join(path, "none"))).rejects.toThrow(/cannot be read/);
    writeFileSync(join(path, "spool", "checkpoints.json"), "{");
    await expect(signing(path, keyFile)).rejects.toThrow(/checkpoints.json cannot be read/);
    expect(existsSync(join(path, "store"))).toBe(false);
  });
});
