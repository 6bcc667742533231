import { openRecorder } from "../audit/recorder/recorder.ts";
import { systemClock } from "../base/clock.ts";
import { loadGatewayConfig } from "../base/config/gateway.ts";
import { silentLog } from "../base/log.ts";

/** What the store holds of one connection. */
export interface Recorded {
  connection: string;
  outcomes: number;
  /** Different exchanges among them. */
  exchanges: number;
  intents: number;
  /** Attempts that a 409 on our own precondition sent back: each has an outcome and an intent of its own. */
  judgedAgain: number;
  refused: number;
}

/**
 * Reads the store of a gateway that has stopped. Its spool is the record, and what it had not shipped yet goes to
 * the store first, as it would at its next start.
 */
export async function readRecorded(configFile: string): Promise<Recorded[]> {
  const config = loadGatewayConfig(configFile);
  const recorder = await openRecorder({ tenant: config.tenant, ...config.audit, log: silentLog, clock: systemClock });
  try {
    await recorder.flush({ toStore: true });
    const rows = await recorder.query<{ [Key in keyof Recorded]: string }>(
      `WITH JSONExtractBool(payload, 'judgedAgain') AS again
       SELECT connection,
              countIf(kind IN ('request.outcome', 'dialogue.reply') AND NOT again) AS outcomes,
              uniqExactIf(exchange_id, kind IN ('request.outcome', 'dialogue.reply') AND NOT again) AS exchanges,
              countIf(kind = 'request.intent') AS intents,
              countIf(kind = 'request.outcome' AND again) AS judgedAgain,
              countIf(kind = 'request.refused') AS refused
         FROM events WHERE connection != '' AND tenant = {tenant:String} GROUP BY connection ORDER BY connection`,
      { tenant: config.tenant },
    );
    return rows.map(({ connection, ...counts }) => ({
      connection,
      outcomes: Number(counts.outcomes),
      exchanges: Number(counts.exchanges),
      intents: Number(counts.intents),
      judgedAgain: Number(counts.judgedAgain),
      refused: Number(counts.refused),
    }));
  } finally {
    await recorder.close();
  }
}

export interface Sent {
  connection: string;
  requests: number;
  writes: number;
}

/** What is wrong with the record of what was sent: each request has one outcome, and each write one intent. */
export function recordMistakes(sent: readonly Sent[], recorded: readonly Recorded[]): string[] {
  return sent.flatMap(({ connection, requests, writes }) => {
    const row = recorded.find((one) => one.connection === connection);
    const say = (what: string, count = 0, wanted: number): string[] =>
      count === wanted ? [] : [`${connection}: ${count} ${what} are on record where there should be ${wanted}`];
    return [
      ...say("outcomes", row?.outcomes, requests),
      ...say("exchanges", row?.exchanges, requests),
      ...say("intents", row?.intents, writes + (row?.judgedAgain ?? 0)),
      ...say("refusals", row?.refused, 0),
    ];
  });
}
