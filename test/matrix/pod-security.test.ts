import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Policy } from "../../engine/decision.ts";
import { libraryBundle } from "../engine/support.ts";
import { Oracle } from "../fuzz/oracle.ts";
import { everyValue, everywhere, type FieldCell, inDebugContainers, rowOf, templateOf } from "./pod-security/cells.ts";
import { CONTROLS, type Level } from "./pod-security/controls.ts";
import { judgeField, pathsOf } from "./pod-security/judge.ts";
import { policies } from "./policies.ts";
import { CONTAINER_LISTS, TEMPLATE_KINDS } from "./templates.ts";

const ALL = process.env.SALLYPORT_TEST_ALL === "1";
const LEVELS: readonly Level[] = ["baseline", "restricted"];

let policyOf: (level: Level) => Promise<Policy>;
let upstream: Oracle;
beforeAll(async () => {
  const made = policies(await libraryBundle());
  policyOf = (level) => made(rowOf(level));
  upstream = await Oracle.open("oracle-podsecurity");
}, 120_000);
afterAll(() => upstream.close());

describe.each(LEVELS)("pod-security/%s", (level) => {
  const ask = async (cells: readonly FieldCell[]): Promise<{ wrong: string[]; requests: number }> => {
    const policy = await policyOf(level);
    const wrong: string[] = [];
    let requests = 0;
    for (const [i, one] of cells.entries()) {
      for (const pair of pathsOf(one, i, ALL)) {
        requests += 2;
        const said = await judgeField(one, pair, policy);
        if (said !== undefined) wrong.push(said);
      }
    }
    return { wrong, requests };
  };

  test("finds each field in every workload kind and every list of containers, and not the same request without it", async () => {
    const cells = everywhere(level);
    const { wrong, requests } = await ask(cells);
    expect(wrong).toEqual([]);
    expect(cells).toHaveLength(fields(level, "pod") * KINDS + fields(level, "container") * KINDS * LISTS);
    console.log(`pod-security/${level}: ${cells.length} cells by kind and list, ${requests} requests`);
  }, 600_000);

  test("takes each value of each field as the standard does", async () => {
    const cells = everyValue(level);
    const { wrong, requests } = await ask(cells);
    expect(wrong).toEqual([]);
    console.log(`pod-security/${level}: ${cells.length} cells by value, ${requests} requests`);
  }, 600_000);

  test("finds each field of a container that joins a pod which runs", async () => {
    const cells = inDebugContainers(level);
    const { wrong } = await ask(cells);
    expect(wrong).toEqual([]);
    expect(cells).toHaveLength(fields(level, "container"));
  }, 600_000);

  test("asks of each field what upstream's own checks ask", async () => {
    const cells = everyValue(level);
    const answers = await upstream.ask<{ forbidden: string[] }>(
      cells.flatMap(({ cell: { bad, ok } }) => [bad, ok].map(({ object }) => ({ level, ...templateOf(object) }))),
    );
    const wrong = cells.flatMap(({ control, cell }, i) => {
      const [bad, ok] = answers.slice(2 * i, 2 * i + 2).map((answer) => answer.forbidden);
      const agrees = bad?.length === 1 && control.reason.test(bad[0] ?? "") && ok?.length === 0;
      return agrees ? [] : [`${cell.what}: ${JSON.stringify({ bad, ok })}`];
    });
    expect(wrong).toEqual([]);
  });
});

const KINDS = TEMPLATE_KINDS.length;
const LISTS = CONTAINER_LISTS.length;

function fields(level: Level, of: "pod" | "container"): number {
  return CONTROLS.filter(({ levels }) => levels.includes(level)).flatMap((control) =>
    control.fields.filter((field) => field.of === of),
  ).length;
}
