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
 * Anonymous requests are off, so the probe carries a token. With `is`, the body must be that as well.
 */
export async function waitFor(probe: Probe, path: string, is: (body: string) => boolean = () => true): Promise<void> {
  const ca = await readFile(probe.caFile);
  let failure: string | undefined;
  void probe.failed.then((why) => {
    failure = why;
  });
  let last = "no answer";
  while (failure === undefined && Date.now() < probe.deadline) {
    const answer = await get(`${probe.server}${path}`, ca, probe.token);
    if (answer.status === "200" && is(answer.body)) return;
    last = answer.status;
    await sleep(50);
  }
  throw new UserError(`the control plane did not start: ${failure ?? `${path}: ${last}, and time ran out`}`);
}

/** An answer, or in place of its status why there was none. */
function get(url: string, ca: Buffer, token: string): Promise<{ status: string; body: string }> {
  return new Promise((resolve) => {
    const asked = request(url, { ca, headers: { authorization: `Bearer ${token}` }, agent: false, timeout: 2000 });
    const none = (error: Error): void => resolve({ status: error.message, body: "" });
    asked.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      answer.on("end", () => resolve({ status: String(answer.statusCode), body }));
      answer.on("error", none);
    });
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", none);
    asked.end();
  });
}
