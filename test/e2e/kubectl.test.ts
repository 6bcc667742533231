import { beforeAll, describe, expect, test } from "vitest";
import { findKubectls, type Kubectl } from "../../tools/kubectls.ts";
import { cases } from "../kubectl/cases.ts";
import { compare } from "../kubectl/compare.ts";
import { FIELDS } from "../kubectl/normalise.ts";
import { oneByteOff } from "../kubectl/plant.ts";
import { type KubectlWorld, openKubectlWorld } from "../kubectl/world.ts";
import { cleanup } from "./harness.ts";

let world: KubectlWorld;
const kubectls = await findKubectls();
const [oldest] = kubectls;
const newest = kubectls.at(-1);
if (oldest === undefined || newest === undefined) throw new Error("there is no kubectl, not even the pinned one");

beforeAll(async () => {
  world = await openKubectlWorld();
  cleanup(() => world.close());
});

/** The whole list, with every kubectl that is found, takes minutes: `npm run test:kubectl`, and `npm run test:all`. */
const all = process.env.SALLYPORT_TEST_ALL === "1";
const short = cases.filter((entry) => entry.short === true);

async function differences({ path }: Kubectl, list: typeof cases): Promise<string[]> {
  const { differences } = await compare({ kubectl: path, ...(await world.sides()), cases: list });
  return differences.map(({ steps, direct, gateway }) => `${steps.join("; ")}\n${direct}\n--- gateway\n${gateway}`);
}

describe("kubectl through a gateway that allows everything", () => {
  test("the list has a hundred commands or more, and three or more of each family", () => {
    const families = new Map<string, number>();
    for (const { family, steps } of cases) families.set(family, (families.get(family) ?? 0) + steps.length);
    expect(cases.length).toBeGreaterThanOrEqual(100);
    expect(short.length).toBeGreaterThanOrEqual(40);
    expect([...families].filter(([, commands]) => commands < 3)).toEqual([]);
    // Beside the name of the side's own namespace.
    expect(FIELDS.length).toBeLessThan(10);
  });

  // The oldest: all other tests of this folder run the newest.
  const versions = all ? kubectls : [oldest];
  test.each(versions)(
    "prints the same as directly, and ends alike: kubectl $version",
    { timeout: 300_000 },
    async (kubectl) => {
      expect(await differences(kubectl, all ? cases : short)).toEqual([]);
    },
  );

  test("differs by one byte, and that is found", { timeout: 120_000 }, async () => {
    const list = cases.filter(({ family }) => family === "explain");
    const sides = await world.sides();
    const plain = await compare({ kubectl: newest.path, ...sides, cases: list });
    const planted = await compare({ kubectl: newest.path, ...sides, cases: list, plant: oneByteOff(list.length) });
    expect([plain.differences.length, planted.differences.length]).toEqual([0, 1]);
  });
});
