import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import type { EventRow } from "../../audit/event.ts";
import { readAuditLog } from "../../tools/control-plane/audit-log.ts";
import { call, folder, idToken, openWorld, REGO, revision, until, type World } from "./harness.ts";

// A swap compiles the library, which takes both cores for seconds: all 20 of them run in `npm run test:all`.
const whole = process.env.SALLYPORT_TEST_ALL === "1";
const REQUESTS = whole ? 1000 : 400;
const SWAPS = whole ? 20 : 8;
const AT_ONCE = 8;
const PATHS = ["/api/v1/namespaces/shop/pods", "/api/v1/namespaces/shop/pods/web", "/apis/apps/v1/deployments"];

interface Sent {
  status: number;
  exchange: string;
  /** How many swaps were known to be in force when it started, and when it had ended. */
  before: number;
  after: number;
}

const sent: Sent[] = [];
/** Revisions in the order in which they came into force. */
const revisions: string[] = [];
let world: World;
let events: EventRow[];

/** Guardrails on even turns; on odd ones the Rego of a rule, which is compiled anew. */
function edit(turn: number, rules: string): void {
  if (turn % 2 === 0) {
    const guardrails = parse(readFileSync(world.state.guardrailsFile, "utf8")) as Record<string, unknown>;
    guardrails.scopes = [{ name: `turn-${turn}`, match: { namespaces: [`turn-${turn}`] } }];
    writeFileSync(world.state.guardrailsFile, stringify(guardrails));
  } else {
    const file = join(rules, "nodes", "proxy", "proxy.rego");
    const source = readFileSync(file, "utf8").replace(/# title: .*/, `# title: Proxying to nodes, turn ${turn}`);
    writeFileSync(file, source);
  }
}

beforeAll(async () => {
  const rules = join(folder(), "rego");
  cpSync(REGO, rules, { recursive: true });
  world = await openWorld({ rules });
  revisions.push(await revision(world));
  const token = await idToken(world, "agent");
  let started = 0;
  let swapping = true;
  // Each policy has its share of the requests, however long the swaps take on this machine.
  const allowed = (): number => (swapping ? Math.floor((REQUESTS * revisions.length) / (SWAPS + 1)) : REQUESTS);
  const ask = async (): Promise<void> => {
    while (started < REQUESTS) {
      if (started >= allowed()) await new Promise((resolve) => setTimeout(resolve, 10));
      else {
        started++;
        const before = revisions.length - 1;
        const path = PATHS[started % PATHS.length] ?? "";
        const { status, headers } = await call(world, "GET", `/connections/local${path}`, { token });
        sent.push({ status, exchange: headers.get("audit-id") ?? "", before, after: revisions.length - 1 });
        // Spread over the swaps, which take longer than the requests.
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    }
  };
  const asking = Array.from({ length: AT_ONCE }, ask);
  for (let turn = 0; turn < SWAPS; turn++) {
    const was = revisions.at(-1);
    edit(turn, rules);
    const now = await until(async () => {
      const seen = await revision(world);
      return seen === was ? undefined : seen;
    });
    revisions.push(now);
  }
  swapping = false;
  await Promise.all(asking);
  events = await world.closeAndRead();
});

test(`${SWAPS} policies came into force, guardrails and Rego in turn, each on record`, () => {
  expect(new Set(revisions).size).toBe(SWAPS + 1);
  const bundles = new Set(revisions.map((text) => text.split("/")[0]));
  expect(bundles.size).toBe(SWAPS / 2 + 1);
  const loaded = events.filter(({ kind }) => kind === "policy.loaded").map((event) => event.revision);
  expect(loaded).toEqual(revisions);
});

test(`of ${REQUESTS} requests across ${SWAPS} policy swaps none failed, and the API server answered each`, async () => {
  expect(sent).toHaveLength(REQUESTS);
  expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
  const entries = await readAuditLog(world.cluster.auditLogFile ?? "");
  const theirs = new Set(entries.map(({ auditID }) => auditID));
  expect(sent.filter(({ exchange }) => !theirs.has(exchange))).toEqual([]);
});

test("requests ran beside each swap", () => {
  const counts = revisions.map((_, i) => sent.filter(({ before, after }) => before <= i && i <= after).length);
  expect(Math.min(...counts)).toBeGreaterThan(0);
});

test("each event names the revision that decided it: none older than the swap that was complete when it started", () => {
  const outcomes = new Map(
    events.filter(({ kind }) => kind === "request.outcome").map((event) => [event.exchange_id, event]),
  );
  const late: unknown[] = [];
  for (const { exchange, before, after } of sent) {
    const named = revisions.indexOf(outcomes.get(exchange)?.revision ?? "");
    // A swap is known here a moment after it is in force.
    if (named < before || named > after + 1) late.push({ exchange, before, after, named });
  }
  expect(late).toEqual([]);
});
