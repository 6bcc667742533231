import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openPack } from "../../audit/export/pack-layout.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import * as audit from "../../cli/audit.ts";
import { createProgram } from "../../cli/main.ts";
import * as sessions from "../../cli/sessions.ts";
import { draft, recorderOptions } from "../audit/rig.ts";
import { recordConfig } from "./record-config.ts";

const path = mkdtempSync(join(tmpdir(), "sallyport-cli-verify-"));
const CONFIG = recordConfig(", checkpoints: {to: [{file: ./checkpoints}]}");
const page = readFileSync(resolve(import.meta.dirname, "../../docs/evidence.md"), "utf8");
const commands = [...page.matchAll(/^(?:\$ )?((?:sallyport|openssl) .+)$/gm)].map(([, line = ""]) => line.split(" "));

/** Runs a command line in this process, in the folder of the record. */
async function run(...args: string[]): Promise<{ out: string; exitCode: unknown }> {
  const program = createProgram();
  for (const [name, command] of [
    ["audit", audit],
    ["sessions", sessions],
  ] as const) {
    if (!program.commands.some((one) => one.name() === name)) command.register(program);
  }
  let out = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  const files = args.map((arg) =>
    /^(checkpoint\.pub|checkpoints|sallyport\.yaml|\w+\.(zip|ndjson))$/.test(arg) ? join(path, arg) : arg,
  );
  await program.parseAsync(files, { from: "user" });
  return { out, exitCode: process.exitCode };
}
const documented = (beginning: string): string[] => {
  const found = commands.find((words) => words.join(" ").startsWith(beginning));
  if (found === undefined) throw new Error(`docs/evidence.md has no command "${beginning}"`);
  return found.slice(1);
};

beforeAll(async () => {
  writeFileSync(join(path, "sallyport.yaml"), CONFIG);
  for (const [program = "", ...args] of commands.filter(([program]) => program === "openssl")) {
    execFileSync(program, args, { cwd: path });
  }
  const config = loadGatewayConfig(join(path, "sallyport.yaml"));
  const recorder = await openRecorder({
    ...recorderOptions(path),
    checkpointKey: config.keys.checkpointFile?.[0],
    checkpoints: config.audit.checkpoints,
  });
  for (const session_id of ["s-1", "s-2", "s-1"])
    recorder.record(draft({ session_id, request_content: Buffer.from(session_id) }));
  await recorder.close();
}, 60_000);
afterAll(() => rmSync(path, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

describe("the commands of docs/evidence.md", () => {
  it("verify the store of a configuration, with its key and its witness", async () => {
    const { out, exitCode } = await run(...documented("sallyport audit verify --config"));
    expect(out).toMatch(/^4 events in 3 chains, 2 contents, 1 checkpoints of 1 processes\n.*\nthe record is whole\n$/);
    expect(exitCode).toBe(0);
  }, 60_000);

  it("verify exports offline, and name what was done to one", async () => {
    const config = join(path, "sallyport.yaml");
    await run("audit", "export", "--format", "ndjson", "--config", config, "--to", "record.ndjson");
    const whole = await run(...documented("sallyport audit verify record.ndjson"), "--output", "json");
    expect(JSON.parse(whole.out)).toMatchObject({ ok: true, events: 4, checkpoints: 1, unsigned: { events: 0 } });

    const rows = readFileSync(join(path, "record.ndjson"), "utf8");
    const late = rows.split("\n").filter((line) => !/"session_id":"s-1".*"seq":1,/.test(line));
    expect(late).toHaveLength(rows.split("\n").length - 1);
    writeFileSync(join(path, "late.ndjson"), late.join("\n"));
    expect((await run("audit", "verify", "late.ndjson", "--key", "checkpoint.pub")).exitCode).toBe(1);
    expect((await run("audit", "verify", "late.ndjson", "--key", "checkpoint.pub", "--period")).exitCode).toBe(0);
    writeFileSync(join(path, "record.ndjson"), rows.replace('"verb":"get"', '"verb":"list"'));
    const edited = await run(...documented("sallyport audit verify record.ndjson"));
    expect(edited.out).toMatch(/\naltered: session s-1, writer \S+, event 1: event 1 is not what was recorded\n/);
    expect(edited.out).toMatch(/the record is not what was recorded: 1 found\n$/);
    expect(edited.exitCode).toBe(1);
  }, 60_000);

  it("verify one session's pack by the proofs in it, and find a content of it swapped", async () => {
    const config = join(path, "sallyport.yaml");
    await run("sessions", "export", "s-1", "--format", "pack", "--config", config, "--to", "session.zip");
    const whole = await run(...documented("sallyport audit verify session.zip"), "--output", "json");
    expect(JSON.parse(whole.out)).toMatchObject({
      ok: true,
      events: 2,
      bodies: 1,
      unsigned: { events: 0 },
      limits: [],
    });

    const pack = await openPack(join(path, "session.zip"));
    for (const name of pack.files.keys()) {
      mkdirSync(dirname(join(path, "session", name)), { recursive: true });
      const body = name.startsWith("bodies/") ? ["swapped"] : pack.read(name);
      await writeFile(join(path, "session", name), body);
    }
    await pack.close();
    const edited = await run("audit", "verify", join(path, "session"), "--key", "checkpoint.pub");
    expect(edited.out).toMatch(
      /\nswapped-body: session s-1, writer \S+, event 1, content [0-9a-f]{64}: it is not the content/,
    );
    expect(edited.exitCode).toBe(1);
  }, 60_000);

  it.each([
    [["audit", "verify"], /needs an export and --key, or --config/],
    [["audit", "verify", "record.ndjson"], /needs an export and --key/],
    [["audit", "verify", "record.ndjson", "--config", "sallyport.yaml"], /not both/],
    [["audit", "verify", "record.ndjson", "--key", "sallyport.yaml"], /is not an Ed25519 key/],
    [["audit", "verify", "record.ndjson", "--key", "none"], /none cannot be read/],
    [["audit", "verify", "record.ndjson", "--key", "checkpoint.pub", "--witness", "none"], /no such file/],
    [["audit", "verify", "none.zip", "--key", "checkpoint.pub"], /none\.zip/],
  ])("refuse %j", async (args, message) => {
    writeFileSync(join(path, "record.ndjson"), "");
    await expect(run(...args)).rejects.toThrow(message);
  });
});
