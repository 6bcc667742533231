import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Copy, change, copyTree } from "./mutate.ts";
import { mutations } from "./mutations.ts";

/** The rows of the pitfalls, each by the name that the titles of its tests carry. */
const ROWS = [
  "CVE-2018-1002105",
  ...["CVE-2020-8559", "CVE-2018-1002102", "CVE-2022-3172"],
  ...["CVE-2021-31999", "CVE-2022-23652"],
  ...["OCM cluster-proxy 329", "Infisical cli 186"],
  "Pomerium reproxy",
  "CVE-2023-48312",
  ...["kubernetes 78741", "kubernetes 134577"],
  "kubernetes PR 136550",
  "path differential",
  "query differential",
  "Teleport 40792",
  "Teleport 51652",
  "Teleport PR 66300",
  "Tremolo 94",
  "Warpgate",
  ...["GHSA-w23h-64x4-22h9", "kubernetes 23564"],
  "node 60336",
  ...["undici CVE-2026-1525", "undici CVE-2026-1527", "undici CVE-2026-1528"],
  "OpenUnison 142",
  "hoop inspector",
  "dry-run delete",
  "WebSocket watch",
  "bearer subprotocol",
  "client Audit-ID",
  "absolute form",
  "YAML 1.1",
  "JSON patch precondition",
  "JSON patch copy, test",
];

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

describe("the known failures", () => {
  test("are each put back by a change of the code", () => {
    expect([...new Set(mutations.flatMap(({ ids }) => ids))].sort()).toEqual([...ROWS].sort());
  });

  test.each(mutations)("$ids: what is changed stands once where it is said to, and the test is there", (mutation) => {
    expect(change(read(mutation.file), mutation)).not.toBe(read(mutation.file));
    expect(read(mutation.test.file)).not.toBe("");
  });
});

describe("a known failure that is put back", () => {
  /** All of them take minutes: `npm run test:mutation`. */
  const whole = process.env.SALLYPORT_TEST_ALL === "1";
  const cases = whole ? mutations : mutations.slice(0, 1);

  test.each(cases)("$ids: turns its test red", { timeout: 120_000 }, async (mutation) => {
    const copy: Copy = await copyTree();
    try {
      expect(await copy.judge(mutation)).toBe("red");
    } finally {
      copy.remove();
    }
  });

  test.each(whole ? mutations.slice(0, 1) : [])(
    "of a title that no test has is no proof",
    { timeout: 120_000 },
    async (mutation) => {
      const copy = await copyTree();
      try {
        expect(await copy.judge({ ...mutation, test: { ...mutation.test, title: "no such title" } })).toBe("broken");
      } finally {
        copy.remove();
      }
    },
  );
});
