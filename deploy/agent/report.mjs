/**
 * A hook of Claude Code that reports and never decides: it prints nothing (what a hook prints may decide, or reaches the
 * model), and ends with 0 whatever happens. One line of JSON goes to the container's own log: who Claude Code says asked
 * (claims, for comparing: the gateway's record is the truth), and as a session starts what `sallyport doctor` found to leak.
 * A tool call in this log that the gateway never let through came from somewhere else.
 */
import { execFile } from "node:child_process";
import { appendFileSync } from "node:fs";
import { text } from "node:stream/consumers";

/** Standard output of the container's first process, which is the same user's. */
const log = process.env.SALLYPORT_HOOK_LOG || "/proc/1/fd/1";
const CLAIMS = ["session_id", "prompt_id", "agent_id", "tool_name", "tool_use_id"];

try {
  const input = JSON.parse(await text(process.stdin));
  const claims = Object.fromEntries(
    CLAIMS.flatMap((name) => (typeof input[name] === "string" ? [[name, input[name].slice(0, 200)]] : [])),
  );
  const line = { at: new Date().toISOString(), hook: String(input.hook_event_name).slice(0, 40), claims };
  if (input.hook_event_name === "SessionStart") Object.assign(line, await leaks());
  appendFileSync(log, `${JSON.stringify(line)}\n`);
} catch {
  // A report that cannot be made is no reason to stop the agent: nothing stands on it.
}
process.exit(0);

/** What doctor found wrong; `unknown` where it said nothing that can be read. */
async function leaks() {
  const said = await new Promise((resolve) => {
    execFile("sallyport", ["doctor", "--output", "json"], { timeout: 50_000 }, (_error, stdout) => resolve(stdout));
  });
  try {
    const { checks } = JSON.parse(String(said));
    return {
      leaks: checks.filter(({ result }) => result === "failed").map(({ what, detail }) => `${what}: ${detail}`),
    };
  } catch {
    return { leaks: "unknown" };
  }
}
