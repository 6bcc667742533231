import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { EventRow } from "../../audit/event.ts";
import type { Decision } from "../../engine/decision.ts";
import { libraryBundle } from "../engine/support.ts";
import type { Row } from "../matrix/cell.ts";
import { explained, told, wrongOfBad, wrongOfOk } from "../matrix/judge.ts";
import { askLive, type LiveCase, liveCases, storedFor, verdictOf } from "../matrix/live.ts";
import type { Asked } from "../matrix/paths.ts";
import { policies } from "../matrix/policies.ts";
import { ROWS } from "../matrix/rows.ts";
import { idToken, openWorld, type World } from "./harness.ts";

/** Every path of a cell takes two minutes; else every twelfth, another from row to row. */
const STRIDE = process.env.SALLYPORT_TEST_ALL === "1" ? 1 : 12;
const AT_ONCE = 8;

let world: World;
let answers: Map<string, EventRow[]>;
const cases = ROWS.map((row, r) => ({
  row,
  live: liveCases(row, `row${r}`, (i, paths) => (i + r) % Math.min(STRIDE, paths) === 0),
}));

describe("the matrix through a running gateway, on a real control plane", () => {
  beforeAll(async () => {
    world = await openWorld({ guardrails: { defaults: DEFAULTS } });
    await admin(["create", "serviceaccount", "robot", "-n", "shop"]);
    await admin(["run", "web-0", "-n", "shop", "--image=registry.example.com/web:1"]);
    await store();
    for (const group of Map.groupBy(cases, ({ row }) => JSON.stringify(row.guardrails ?? {})).values()) {
      await inForce(group[0]?.row);
      await askAll(group.flatMap(({ live }) => live));
    }
    answers = Map.groupBy(await world.closeAndRead(), ({ user_agent }) => user_agent);
  }, 600_000);

  test.each(cases)("$row.name: is stopped and let pass as explain says", async ({ row, live }) => {
    const policy = await policies(await libraryBundle())(row);
    const wrong: string[] = [];
    for (const each of live) {
      for (const side of ["bad", "ok"] as const) {
        const asked = each[side];
        const said = verdictOf(answers.get(agentOf(each, side)) ?? []);
        const expected = (await explained(asked, each.one.cell, policy)).decision;
        const why = said === undefined ? "is not on record" : mismatch(each, side, said, expected);
        if (why !== undefined) wrong.push(`${each.one.path}: ${asked.method} ${asked.path}: ${why}`);
      }
    }
    expect(live).not.toEqual([]);
    expect(wrong).toEqual([]);
  });
});

/** What is held is over at once. */
const DEFAULTS = { record: "Metadata", approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 } };

/** Of most kinds the API server makes nothing by a PUT, and says so before anybody is asked. */
const refusedThere = ({ one }: LiveCase, { findings }: Decision): boolean =>
  one.path.startsWith("PUT that creates") && findings.some(({ rule }) => rule === "request/refused-by-upstream");

function mismatch(live: LiveCase, side: "bad" | "ok", said: Decision, expected: Decision): string | undefined {
  const { one } = live;
  if (refusedThere(live, said)) return undefined;
  const judge = side === "bad" ? wrongOfBad : wrongOfOk;
  const wrong = judge(one, said);
  if (wrong !== undefined) return wrong;
  return said.effect === expected.effect ? undefined : `${told(said)}, where explain says ${told(expected)}`;
}

const agentOf = ({ one }: LiveCase, side: string): string => `matrix/${one.row.name}/${one.path}/${side}`;

async function admin(args: readonly string[], input?: string): Promise<void> {
  const { code, stderr } = await world.admin(args, input);
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
}

/** What is updated and deleted is there, around the gateway. */
async function store(): Promise<void> {
  const all = cases.flatMap(({ live }) => live.flatMap(({ bad, ok }) => storedFor([bad, ok])));
  const texts = [...new Set(all.map((object) => stringify(object)))];
  for (let i = 0; i < texts.length; i += 50)
    await admin(["create", "--validate=false", "-f", "-"], texts.slice(i, i + 50).join("---\n"));
}

async function inForce(row: Row | undefined): Promise<void> {
  if (row?.guardrails === undefined) return;
  const { guardrails } = row;
  await world.editGuardrails((document) => {
    for (const key of ["profiles", "rules"]) delete document[key];
    Object.assign(document, { profiles: ["baseline"], ...guardrails });
  });
}

async function askAll(live: readonly LiveCase[]): Promise<void> {
  const door = {
    url: `${world.url}/connections/local`,
    caPem: world.caPem,
    token: await idToken(world, "agent"),
  };
  const left: [Asked, string][] = live.flatMap((each) =>
    (["bad", "ok"] as const).map((side): [Asked, string] => [each[side], agentOf(each, side)]),
  );
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await askLive(door, next[0], next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
