import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { PEER_HEADERS, signPeerMessage } from "../../approvals/peer-message.ts";
import type { Kill } from "../../approvals/types.ts";
import type { Clock } from "../../base/clock.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { coalesced } from "../../base/deadline.ts";
import { errorMessage, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

const DEADLINE_MS = 2_000;
/** After these a peer is left to its poll. */
const PAUSES_MS = [200, 500];
/** So that a burst of changes is a few messages. */
const GAP_MS = 100;
const MOST_KILLS = 100;
/** Of one message: with the longest names and reasons it is what a peer still takes. */
const KILLS_AT_ONCE = 10;
const LONGEST = { by: 256, reason: 1024 };

export interface Peers {
  /** Says to every other replica that something changed in the repository, and what was killed. Never blocks or throws. */
  tell(kill?: Kill): void;
  close(): Promise<void>;
}

/** The other replicas of `peers` in the configuration. Throws a UserError where the CA file cannot be read. */
export function openPeers(
  { urls, caFile }: GatewayConfig["peers"],
  { hmacKey, clock, log }: { hmacKey: Uint8Array; clock: Clock; log: Log },
): Peers {
  const agent = new Agent({ connect: { ca: readCa(caFile), timeout: DEADLINE_MS }, connections: 1, allowH2: false });
  const closed = new AbortController();
  const peers = urls.map((url) => {
    let kills: Kill[] = [];
    let unreachable = false;
    const push = coalesced(async () => {
      const said = { kills: kills.splice(0, KILLS_AT_ONCE) };
      const failure = await deliver(url, said);
      if (failure !== undefined && !closed.signal.aborted) {
        kills = [...said.kills, ...kills].slice(0, MOST_KILLS);
        if (!unreachable) log.warn("a peer cannot be told; it learns of it at its next poll", { url, error: failure });
      }
      unreachable = failure !== undefined;
      await pause(GAP_MS);
      if (kills.length > 0 && !unreachable) push();
    });
    return (kill?: Kill): void => {
      if (kill !== undefined) {
        kills.push({ ...kill, by: kill.by.slice(0, LONGEST.by), reason: kill.reason.slice(0, LONGEST.reason) });
      }
      push();
    };
  });

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closed.signal, ref: false }).catch(() => {}); // closed: nothing more is said
  }

  async function deliver(url: string, said: { kills: Kill[] }): Promise<string | undefined> {
    let failure: string | undefined;
    for (const pauseMs of [0, ...PAUSES_MS]) {
      await pause(pauseMs);
      if (closed.signal.aborted) return "the gateway shuts down";
      failure = await post(url, said).catch(errorMessage);
      if (failure === undefined) return undefined;
    }
    return failure;
  }

  async function post(url: string, said: { kills: Kill[] }): Promise<string | undefined> {
    const { body, timestamp, signature } = signPeerMessage(hmacKey, clock.now(), said);
    const answer = await request(new URL("/webhooks/peer", url), {
      dispatcher: agent,
      method: "POST",
      headers: {
        "content-type": "application/json",
        [PEER_HEADERS.timestamp]: timestamp,
        [PEER_HEADERS.signature]: signature,
      },
      body,
      signal: AbortSignal.any([closed.signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
    await answer.body.dump();
    return answer.statusCode === 200 ? undefined : `it answered ${answer.statusCode}`;
  }

  return {
    tell: (kill) => {
      for (const peer of peers) peer(kill);
    },
    async close() {
      closed.abort();
      await agent.destroy();
    },
  };
}

function readCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`peers.caFile: ${file} cannot be read`, { exitCode: 2, cause: error });
  }
}
