import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Finding } from "../../audit/evidence/verify/finding.ts";
import { edit, KINDS, type Kind } from "./edits.ts";
import { type Homes, openHomes } from "./homes.ts";
import { random } from "./random.ts";
import { makeRecord } from "./record.ts";

export interface TamperResult {
  /** By kind of edit and home. */
  counts: Map<string, { cases: number; found: number; located: number; named: number }>;
  /** Untouched records that did not pass. */
  alarms: string[];
  untouched: number;
  misses: string[];
}

/**
 * Edits a record `cases` times, in equal shares of kinds and of exports and stores, and verifies each; `untouched`
 * ones have to pass. The same seed gives the same edits of a record that differs in its ids and times.
 */
export async function tamper(
  { homes, rows, bodies }: Homes,
  options: { cases: number; untouched: number; seed: number; progress?(done: number): void },
): Promise<TamperResult> {
  const result: TamperResult = { counts: new Map(), alarms: [], untouched: options.untouched, misses: [] };
  const [ndjson, pack, store] = homes;
  for (let n = 0; n < options.untouched; n++) {
    const home = n % 2 === 0 ? store : n % 4 === 1 ? ndjson : pack;
    // As it came from the recorder; the store is written anew only for what was edited.
    await home.write(rows, bodies);
    const { ok, findings } = await home.verify();
    // Files that were written anew are not those that the gateway signed, though they are the same to the byte.
    if (!ok) result.alarms.push(`${home.name}: ${JSON.stringify(findings[0])}`);
  }
  for (let n = 0; n < options.cases; n++) {
    const rng = random(options.seed * 1_000_003 + n);
    const kind: Kind = KINDS[n % KINDS.length] ?? "alter";
    const round = Math.floor(n / KINDS.length);
    // Contents are not in NDJSON, so that their swap shows in packs only.
    const exported = kind === "swap body" || round % 4 === 1 ? pack : ndjson;
    const home = round % 2 === 0 ? store : exported;
    const edited = edit(kind, rows, bodies, rng, home === store ? "store" : "export");
    await home.write(edited.rows, edited.bodies);
    const { ok, findings } = await home.verify();
    // That a pack's manifest is not signed any more would find every edit, and locate none.
    const evidence = findings.filter(({ what }) => what !== "altered-pack");
    const key = `${kind}, ${home === store ? "store" : "export"}`;
    const count = result.counts.get(key) ?? { cases: 0, found: 0, located: 0, named: 0 };
    const place = evidence.filter((finding) => edited.located(finding));
    count.cases++;
    if (!ok && evidence.length > 0) count.found++;
    if (place.length > 0) count.located++;
    if (place.some(({ what }) => edited.names.includes(what))) count.named++;
    else result.misses.push(`case ${n}: ${home.name}, ${edited.effort}: ${edited.said}: ${summary(findings)}`);
    result.counts.set(key, count);
    options.progress?.(n + 1);
  }
  return result;
}

/** A record of one process or three, in a folder of its own, in each form that it can be edited in. */
export async function openRecord(processes: 1 | 3): Promise<Homes> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-tamper-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const homes = await openHomes(await makeRecord(folder, { processes }), folder);
    return {
      ...homes,
      close() {
        homes.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function summary(findings: readonly Finding[]): string {
  return findings.length === 0
    ? "nothing was found"
    : findings
        .slice(0, 3)
        .map((finding) => JSON.stringify(finding))
        .join(" ");
}
