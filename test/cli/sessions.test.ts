import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import * as decisions from "../../cli/decisions.ts";
import { printSessions } from "../../cli/evidence/list-sessions.ts";
import { pace } from "../../cli/evidence/pace.ts";
import { type ShowSessionOptions, showSession } from "../../cli/evidence/show-session.ts";
import { type EvidenceSource, openEvidence, parseWhen } from "../../cli/evidence/source.ts";
import { createProgram } from "../../cli/main.ts";
import * as sessions from "../../cli/sessions.ts";
import { execDrafts, frame } from "../audit/exec-events.ts";
import { draft, recorderOptions } from "../audit/rig.ts";
import { startStub } from "./gateway-stub.ts";

const path = mkdtempSync(join(tmpdir(), "sallyport-sessions-"));
const config = join(path, "sallyport.yaml");
const OTHERS = 701;
const LONG_AGO = Date.UTC(2026, 8, 1);
const NOW = Date.UTC(2026, 10, 22, 12);

const CONFIG = `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
listen: {address: "127.0.0.1:8443", url: "https://localhost:8443", certFile: c, keyFile: k}
keys: {sessionFile: s, hmacFile: h, mergeFile: m}
issuers: [{name: corp, issuer: "https://idp.example.com", audiences: [sallyport], prefix: {username: "corp:", groups: "corp:"}}]
connections: [{name: prod, kind: kubernetes, server: "https://127.0.0.1:6443", credential: {tokenFile: t}}]
policy: {bundle: b, guardrails: g, verify: false}
approvals: {home: embedded, path: e}
audit: {spool: {path: ./spool}, store: {embedded: ./store}}
`;

beforeAll(async () => {
  writeFileSync(config, CONFIG);
  const audit = await openRecorder(recorderOptions(path));
  const at_ms = Date.UTC(2026, 10, 22, 10);
  audit.record(draft({ at_ms, kind: "session.opened", payload: { agent: "claude-code", reason: "a \u001b[31mtask" } }));
  const write = {
    at_ms,
    verb: "create",
    exchange_id: "e-1",
    name: "web",
    rules: ["workload/host-path"],
    payload: { decisionId: "d-1", forwarded: true },
  };
  audit.record(draft({ ...write, kind: "request.intent", request_content: Buffer.from("kind: Pod\n") }));
  audit.record(draft({ ...write, status: 201 }));
  const frames = [frame(5000, "stdout", "\u001b[1mhello\r\n")];
  for (const event of execDrafts({ tty: true, frames, over: { exchange_id: "e-2" } })) audit.record(draft(event));
  // More than a page of those that are read.
  for (let i = 0; i < OTHERS; i++) {
    audit.record(draft({ kind: "session.opened", session_id: `other-${i}`, at_ms: LONG_AGO + i, payload: {} }));
  }
  await audit.flush({ toStore: true });
  await audit.close();
});
afterAll(() => rmSync(path, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** Runs a command line in this process and returns its stdout. */
async function run(...args: string[]): Promise<string> {
  const program = createProgram();
  for (const command of [sessions, decisions]) {
    const known = program.commands.map((one) => one.name());
    if (!known.includes(command === sessions ? "sessions" : "decisions")) command.register(program);
  }
  return printed(() => program.parseAsync([...args, "--config", config], { from: "user" }));
}

async function printed(work: () => Promise<unknown>): Promise<string> {
  let out = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text.toString();
    return true;
  });
  await work();
  return out;
}

describe("sessions, read from the store of --config", () => {
  it("list shows each session on a line, for a period and a user", async () => {
    const out = await run("sessions", "list", "--since", "2026-11-22", "--user", "corp:alice@example.com");
    expect(out.split("\n")[1]).toMatch(
      /^s-1 +2026-11-22 10:00:00 +corp:alice@example\.com +claude-code +2 +0 +0 +open$/,
    );
    expect(await run("sessions", "list", "--until", "2026-01-01")).toBe("no sessions\n");
  });

  it("list prints JSON for programs", async () => {
    const out = await run("sessions", "list", "--since", "2026-11-01", "--output", "json");
    expect(JSON.parse(out)).toMatchObject({ items: [{ session_id: "s-1", events: 6 }], more: false });
  });

  it("show tells who, why and what happened, with nothing that a terminal would obey", async () => {
    const out = await run("sessions", "show", "s-1");
    expect(out).toContain("reason        a \\x1b[31mtask");
    expect(out).toContain("answered 201");
    expect(out).not.toContain("\u001b");
  });

  it("replay prints the session as it happened, contents included", async () => {
    const out = await run("sessions", "replay", "s-1");
    expect(out).toMatch(/session opened[\s\S]*asked: create pods a\/web on prod[\s\S]*> kind: Pod[\s\S]*answered 201/);
  });

  it("replay of one exec shows its terminal, and says where there is none of that id", async () => {
    const out = await run("sessions", "replay", "s-1", "--exec", "e-2", "--speed", "100000");
    expect(out).toMatch(/asked: get pods\/exec a\/web[\s\S]*runs sh[\s\S]*\| hello\n[\s\S]*ended with exit code 0/);
    expect(out).not.toContain("session opened");
    await expect(run("sessions", "replay", "s-1", "--exec", "e-none")).rejects.toMatchObject({ exitCode: 1 });
  });

  it("replay with --raw writes what the terminal was sent, and puts the reader's own right again", async () => {
    const out = await run("sessions", "replay", "s-1", "--exec", "e-2", "--raw");
    expect(out).toContain("\u001b[1mhello\r\n\u001b[0m\u001b[?1049l\u001b[?25h");
    expect(await run("sessions", "replay", "s-1")).not.toContain("\u001b");
  });

  it("replay as JSON is each event once, as it is stored", async () => {
    const lines = (await run("sessions", "replay", "s-1", "--output", "json")).trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    expect(new Set(events.map(({ seq }) => seq)).size).toBe(events.length);
    for (const { hash } of events) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([["--follow"], ["--follow", "--speed", "2"], ["--follow", "--step"], ["--speed", "0"], ["--bodies", "x"]])(
    "replay with %s is wrong usage here",
    async (...options) => {
      await expect(run("sessions", "replay", "s-1", ...options)).rejects.toMatchObject({ exitCode: 2 });
    },
  );

  it("a session that is not there is a clear no, exit 1", async () => {
    await expect(run("sessions", "show", "nobody")).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining("nobody"),
    });
    await expect(run("decisions", "show", "nothing")).rejects.toMatchObject({ exitCode: 1 });
  });

  it("decisions show tells all that a decision led to", async () => {
    const out = await run("decisions", "show", "d-1");
    expect(out).toMatch(/decision {2}d-1[\s\S]*by workload\/host-path[\s\S]*answered 201/);
    expect(JSON.parse(await run("decisions", "show", "d-1", "--output", "json"))).toMatchObject({
      events: [{ kind: "request.intent" }, { kind: "request.outcome" }],
    });
  });

  it("is told to ask the gateway where one has the store open", async () => {
    const audit = await openRecorder(recorderOptions(path));
    try {
      await expect(openEvidence(config)).rejects.toMatchObject({
        message: expect.stringContaining("in use by another process"),
      });
    } finally {
      await audit.close();
    }
  });
});

describe("what may be longer than memory", () => {
  let source: EvidenceSource;
  beforeAll(async () => {
    source = await openEvidence(config);
  });
  afterAll(() => source.close());

  const list = (limit: string, output: "json" | "text") => printed(() => printSessions(source, { limit, output }));
  const ids = (out: string): string[] => JSON.parse(out).items.map((one: { session_id: string }) => one.session_id);

  it("list reads on where a page ends, names each session once, and says where its limit left out others", async () => {
    const others = Array.from({ length: OTHERS }, (_, i) => `other-${OTHERS - 1 - i}`);
    expect(ids(await list("all", "json"))).toEqual(["s-1", ...others]);
    const text = await list("601", "text");
    expect(text.split("\n").map((line) => line.split(" ")[0])).toEqual([
      ...["SESSION", "s-1", ...others.slice(0, 600), "and", ""],
    ]);
    expect(text).toMatch(/\nand more: .*--limit all/);
    expect(await list(String(OTHERS + 1), "text")).not.toContain("and more");
    const none = () => printSessions(source, { limit: "1", until: "2026-01-01", output: "json" });
    expect(JSON.parse(await printed(none))).toEqual({ items: [], more: false });
  });

  it("show is the session with its events, as many as are asked for", async () => {
    const show = (options: ShowSessionOptions) => printed(() => showSession(source, "s-1", options));
    const whole = JSON.parse(await show({ output: "json" }));
    expect(whole.session.session_id).toBe("s-1");
    expect(whole.events).toHaveLength(whole.session.events);
    expect(whole.events.slice(0, 6).map(({ seq }: { seq: number }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    const two = JSON.parse(await show({ limit: "2", output: "json" }));
    expect(two).toEqual({ session: whole.session, events: whole.events.slice(0, 2), more: true });
    expect(await show({ limit: "1", output: "text" })).toMatch(/session opened[\s\S]*and more than 1 events/);
  });
});

it("list asks the gateway for page after page, and for no more than are wanted", async () => {
  const asked: string[] = [];
  const stub = await startStub(path, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "https://stub");
    response.setHeader("content-type", "application/json");
    if (pathname === "/session") {
      const token = {
        access_token: "t",
        issued_token_type: "x",
        token_type: "Bearer",
        expires_in: 900,
        session_id: "s",
      };
      return response.end(JSON.stringify(token));
    }
    const from = Number(searchParams.get("continue") ?? 0);
    const count = Number(searchParams.get("limit"));
    asked.push(`${from}+${count}`);
    const items = Array.from({ length: count }, (_, i) => ({ session_id: `page-${from + i}` }));
    response.end(JSON.stringify({ items, continue: String(from + count) }));
  });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  writeFileSync(join(path, "id-token"), `${part({ alg: "none" })}.${part({ iss: "i", sub: "a" })}.x`);
  for (const [name, value] of [
    ["SALLYPORT_URL", stub.url],
    ["SALLYPORT_CA_FILE", stub.caFile],
    ["SALLYPORT_ID_TOKEN_FILE", join(path, "id-token")],
    ["XDG_CONFIG_HOME", path],
  ]) {
    vi.stubEnv(name as string, value);
  }
  const source = await openEvidence(undefined);
  try {
    const out = await printed(() => printSessions(source, { limit: "600", output: "json" }));
    const ids = JSON.parse(out).items.map((one: { session_id: string }) => one.session_id);
    expect(ids).toEqual(Array.from({ length: 600 }, (_, i) => `page-${i}`));
    expect(asked).toEqual(["0+500", "500+101"]);
  } finally {
    vi.unstubAllEnvs();
    await source.close();
    await stub.close();
  }
});

describe("times", () => {
  it.each([
    ["24h", NOW - 86_400_000],
    ["7d", NOW - 7 * 86_400_000],
    ["2026-11-22", Date.UTC(2026, 10, 22)],
    ["2026-11-22T10:00:00+02:00", Date.UTC(2026, 10, 22, 8)],
  ])("%s is understood", (text, expected) => {
    expect(parseWhen(text, NOW)).toBe(expected);
  });

  it.each(["yesterday", "5", "2026-13-45", "-1h", ""])("%j is refused as wrong usage", (text) => {
    expect(() => parseWhen(text, NOW)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe("pace", () => {
  it("keeps every line in order, whatever the speed", async () => {
    const [first, second] = [{}, {}] as never[];
    async function* lines() {
      yield { at: 0, text: "1", event: first as never };
      yield { at: 0, text: "1b", event: first as never };
      yield { at: 100_000, text: "2", event: second as never };
    }
    const texts: string[] = [];
    for await (const { text } of pace(lines(), { speed: 10_000, step: false })) texts.push(text);
    expect(texts).toEqual(["1", "1b", "2"]);
  });
});
