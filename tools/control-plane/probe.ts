import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../base/errors.ts";

/** Where to ask, and what to ask with. */
export interface Probe {
  server: string;
  caFile: string;
  token: string;
  /** Milliseconds since the epoch after which to give up. */
  deadline: number;
  /** Resolves with the reason when there is no use in waiting any longer. */
  failed: Promise<string>;
}

/**
 * Waits until a GET of `path` is answered with 200: the status is what counts, since `/readyz` may say more than `ok`.
 * Anonymous requests are off, so the probe carries a token.
 */
export async function waitFor(probe: Probe, path: string): Promise<void> {
  const ca = await readFile(probe.caFile);
  let failure: string | undefined;
  void probe.failed.then((why) => {
    failure = why;
  });
  let last = "no answer";
  while (failure === undefined && Date.now() < probe.deadline) {
    last = await status(`${probe.server}${path}`, ca, probe.token);
    if (last === "200") return;
    await sleep(50);
  }
  throw new UserError(`the control plane did not start: ${failure ?? `${path}: ${last}, and time ran out`}`);
}

/** The status of an answer, or why there was none. */
function status(url: string, ca: Buffer, token: string): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, { ca, headers: { authorization: `Bearer ${token}` }, agent: false, timeout: 2000 });
    asked.on("response", (answer) => {
      answer.resume();
      answer.on("end", () => resolve(String(answer.statusCode)));
      answer.on("error", (error) => resolve(error.message));
    });
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", (error) => resolve(error.message));
    asked.end();
  });
}
