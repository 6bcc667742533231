import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { EXPORT_FORMATS } from "../../audit/export/formats.ts";
import { openPack } from "../../audit/export/pack-layout.ts";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { sha256 } from "../../base/digest.ts";
import * as audit from "../../cli/audit.ts";
import { forTerminal } from "../../cli/evidence/export.ts";
import { EXPORT_FORMATS_TEXT } from "../../cli/evidence/export-formats.ts";
import { createProgram } from "../../cli/main.ts";
import * as sessions from "../../cli/sessions.ts";
import { draft, recorderOptions } from "../audit/rig.ts";
import { recordConfig } from "./record-config.ts";

const path = mkdtempSync(join(tmpdir(), "sallyport-cli-export-"));
const config = join(path, "sallyport.yaml");

beforeAll(async () => {
  writeFileSync(config, recordConfig());
  execFileSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", join(path, "checkpoint.pem")]);
  const recorder = await openRecorder(recorderOptions(path));
  recorder.record(draft({ session_id: "s-1" }));
  recorder.record(draft({ session_id: "s-2", at_ms: Date.UTC(2026, 9, 1) }));
  await recorder.flush({ toStore: true });
  await recorder.close();
});
afterAll(() => rmSync(path, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** Runs a command line in this process and returns its stdout. */
async function run(...args: string[]): Promise<string> {
  const program = createProgram();
  for (const [name, command] of [
    ["sessions", sessions],
    ["audit", audit],
  ] as const) {
    if (!program.commands.some((one) => one.name() === name)) command.register(program);
  }
  let out = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text, ...rest) => {
    out += text;
    for (const done of rest) if (typeof done === "function") done(null);
    return true;
  });
  await program.parseAsync([...args, "--config", config], { from: "user" });
  return out;
}

describe("sessions export, from the store of --config", () => {
  it("prints NDJSON where nothing else is asked for", async () => {
    const rows = (await run("sessions", "export", "s-1"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows).toMatchObject([{ session_id: "s-1", kind: "request.outcome" }]);
  });

  it("writes a file that only its owner reads, and says its size and SHA-256", async () => {
    const file = join(path, "s-1.zip");
    const said = JSON.parse(
      await run("sessions", "export", "s-1", "--format", "pack", "--to", file, "--output", "json"),
    );
    const bytes = readFileSync(file);
    expect(said).toEqual({ file, format: "pack", bytes: bytes.length, sha256: sha256(bytes) });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const pack = await openPack(file);
    expect(await pack.manifest()).toMatchObject({ session: "s-1" });
    await pack.close();
  });

  it.each([
    [["sessions", "export", "s-none"], /no session "s-none"/, 1],
    [["sessions", "export", "s-1", "--format", "ndjon"], /did you mean "?ndjson/i, 2],
    [["audit", "export", "--since", "yesterday"], /is no time/, 2],
    [["sessions", "export", "s-1", "--format", "asciicast"], /no exec/, undefined],
  ])("refuses %j", async (args, message, exitCode) => {
    const error = await run(...args).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(message), ...(exitCode ? { exitCode } : {}) });
  });

  it("leaves nothing behind where it fails", async () => {
    await expect(run("sessions", "export", "s-1", "--to", join(path, "none", "x"))).rejects.toThrow(/ENOENT/);
    expect(readdirSync(path).filter((name) => name.includes("partial"))).toEqual([]);
  });
});

describe("audit export, from the store of --config", () => {
  it("takes a period, whose end is not in it", async () => {
    const out = await run("audit", "export", "--since", "2026-10-01", "--until", "2026-11-01", "--format", "csv");
    expect(
      out
        .trim()
        .split("\r\n")
        .slice(1)
        .map((line) => line.split(",")[1]),
    ).toEqual(["s-2"]);
    expect(await run("audit", "export", "--until", "2026-10-01")).toBe("");
  });
});

it("shows an export at a terminal without what a terminal obeys, in whatever pieces it comes", async () => {
  const text = 'name,"\u001b]0;owned\u0007é"\r\n{"name":"\u009b2J\u202e"}\n';
  for (const size of [1, 3, 1000]) {
    const pieces = async function* (): AsyncGenerator<Buffer> {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    let shown = "";
    for await (const part of forTerminal(pieces())) shown += part;
    expect(shown).not.toMatch(/\p{Cf}|(?!\n)\p{Cc}/u);
    expect(shown).toContain("\\x1b]0;owned\\x07é");
    expect(shown.endsWith('{"name":"\\x9b2J\\u202e"}\n')).toBe(true);
  }
});

it("the help of an export names every format", () => {
  expect(EXPORT_FORMATS_TEXT).toBe(`${EXPORT_FORMATS.slice(0, -1).join(", ")} or ${EXPORT_FORMATS.at(-1)}`);
});
