import type { Command } from "commander";
import { type Answer, action, type GlobalOptions } from "./action.ts";
import type { ExportOptions } from "./evidence/export.ts";
import { EXPORT_FORMATS_TEXT } from "./evidence/export-formats.ts";
import type { ListSessionsOptions } from "./evidence/list-sessions.ts";
import type { ReplaySessionOptions } from "./evidence/replay-session.ts";
import type { ShowSessionOptions } from "./evidence/show-session.ts";
import type { EvidenceSource } from "./evidence/source.ts";

interface Options extends GlobalOptions {
  config?: string;
}

/** Reads with `--config` or over the API, and lets go of it whatever comes. */
async function withEvidence<T>(options: Options, work: (source: EvidenceSource) => Promise<T>): Promise<T> {
  const { openEvidence } = await import("./evidence/source.ts");
  const source = await openEvidence(options.config);
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}

const CONFIG = ["--config <file>", "read the store directly, on the gateway's host, while no gateway runs"] as const;

export function register(program: Command): void {
  const sessions = program.command("sessions").description("what agents did, session by session");
  sessions
    .command("list")
    .description("sessions, the latest first")
    .option(...CONFIG)
    .option("--since <time>", "only sessions with events since then: 24h, 2026-11-22, 2026-11-22T10:00:00Z")
    .option("--until <time>", "only sessions that began before then")
    .option("--user <username>", "only this user's, with the issuer's prefix")
    .option("--limit <n>", "at most so many, or `all`", "100")
    .action(action(list));
  sessions
    .command("show")
    .description("one session in short, and what happened in it")
    .argument("<session>")
    .option(...CONFIG)
    .option("--limit <n>", "at most so many events, the first of them; all where absent")
    .action(action(show));
  sessions
    .command("replay")
    .description("a session as it happened: what was asked, decided, held and answered")
    .argument("<session>")
    .option(...CONFIG)
    .option("--speed <factor>", "wait between events as they did, so many times faster; at once where absent")
    .option("--step", "wait for Enter before each event")
    .option("--follow", "go on while the session does, until it is over")
    .option("--exec <exchange>", "only this exec, or any other exchange")
    .option("--typed", "what was typed in an exec, also where its terminal showed it anyhow")
    .option("--raw", "an exec's output as its terminal was sent it: control sequences can do anything to yours")
    .option("--bodies <lines>", "lines of recorded contents that are shown", "40")
    .action(action(replay));
  sessions
    .command("export")
    .description("a session as a file: its events, formats that others read, or a signed evidence pack")
    .argument("<session>")
    .option(...CONFIG)
    .option("--format <name>", EXPORT_FORMATS_TEXT, "ndjson")
    .option("--to <file>", "where to; - is standard output", "-")
    .option("--exchange <id>", "of asciicast: which exec, where there are several")
    .action(
      action<ExportOptions>(async ([session = ""], options) => {
        const { exportRecord } = await import("./evidence/export.ts");
        return exportRecord({ session }, options);
      }),
    );
  sessions
    .command("kill")
    .description("end a session on every replica, and what its token could open")
    .argument("<session>")
    .requiredOption("--reason <text>", "why; it is put on record")
    .action(action(kill));
  for (const [verb, description] of [
    ["hold", "keep what is recorded of a session whatever its age (legal hold)"],
    ["release", "end a session's legal hold"],
  ] as const) {
    sessions
      .command(verb)
      .description(description)
      .argument("<session>")
      .requiredOption("--reason <text>", "why; it is put on record")
      .action(action((args: string[], options: Options & { reason: string }) => legalHold(verb, args, options)));
  }
}

async function legalHold(
  verb: "hold" | "release",
  [id = ""]: string[],
  { reason }: Options & { reason: string },
): Promise<Answer> {
  const { withControlApi } = await import("./control-api.ts");
  return withControlApi("decide", async (client) => {
    const path = `/v1alpha1/sessions/${encodeURIComponent(id)}/${verb}`;
    const json = await client.request("POST", path, { body: { reason } });
    return { json, text: `session ${id} is ${verb === "hold" ? "under legal hold" : "released from legal hold"}` };
  });
}

async function kill([id = ""]: string[], { reason }: Options & { reason: string }): Promise<Answer> {
  const { withApprovals } = await import("./approvals/client.ts");
  return withApprovals("decide", async (api) => {
    const killed = await api.kill(id, { reason });
    return { json: killed, text: `session ${id} is killed` };
  });
}

async function list(_: string[], options: Options & ListSessionsOptions): Promise<undefined> {
  const { printSessions } = await import("./evidence/list-sessions.ts");
  await withEvidence(options, (source) => printSessions(source, options));
  return undefined;
}

async function show([id = ""]: string[], options: Options & ShowSessionOptions): Promise<undefined> {
  const { showSession } = await import("./evidence/show-session.ts");
  await withEvidence(options, (source) => showSession(source, id, options));
  return undefined;
}

async function replay([id = ""]: string[], options: Options & ReplaySessionOptions): Promise<undefined> {
  const { replaySession } = await import("./evidence/replay-session.ts");
  await withEvidence(options, (source) => replaySession(source, id, options));
  return undefined;
}
