import { Refusal } from "../../base/errors.ts";
import { asciicast } from "../asciicast.ts";
import { scopeSql, storedEvents } from "../event-pages.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

/** So many execs are named to who has to choose one. */
const NAMED = 20;

/**
 * The recording of one exec or attach as asciicast v3. Throws a Refusal where there is none, or where there are several
 * and the job does not say which.
 */
export async function writeAsciicast(job: ExportJob): Promise<ExportBytes> {
  const { store, tenant, scope } = job;
  const { where, params } = scopeSql(scope);
  const execs = await store.query<{ exchange_id: string; session: string }>(
    `SELECT exchange_id, any(session_id) AS session FROM events
     WHERE tenant = {tenant:String} AND ${where} AND subresource IN ('exec', 'attach') AND kind = 'request.intent'
       AND ({exchange:String} = '' OR exchange_id = {exchange:String})
     GROUP BY exchange_id ORDER BY min(at) LIMIT ${NAMED + 1}`,
    { tenant, exchange: job.exchange ?? "", ...params },
  );
  const [one, ...others] = execs;
  if (one === undefined) {
    throw new Refusal("not-found", "no exec or attach that was let through is on record there", {
      next: "Export another session, or as another format.",
    });
  }
  if (others.length > 0) {
    const ids = execs.slice(0, NAMED).map(({ exchange_id }) => exchange_id);
    throw new Refusal("bad-request", `there are several execs: ${ids.join(", ")}${execs.length > NAMED ? ", …" : ""}`, {
      next: "A recording is of one: name its exchange.",
    });
  }
  return lines(job, one);
}

async function* lines({ store, tenant }: ExportJob, exec: { exchange_id: string; session: string }): ExportBytes {
  const events = storedEvents(store, tenant, { session: exec.session });
  for await (const line of asciicast(events, { exchange: exec.exchange_id })) yield `${line}\n`;
}
