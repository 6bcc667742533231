import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";

// For every process and thread that a test starts: half of the CPU time of a command of ours is taking away types and
// compiling what was compiled before. The folder is where node itself puts it by default.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), "node-compile-cache");

// Three workers for the two cores that CI has: most tests start real programs (opa, git, kube-apiserver) and wait for
// them, and two left the cores idle for a third of the time.
const shared = {
  environment: "node" as const,
  pool: "forks" as const,
  // None of these costs anything where all is well; a machine of CI's may be busy with others for seconds.
  testTimeout: 60_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 45_000 } },
  globalSetup: "test/new-store.setup.ts",
};

/**
 * Files that `npm run test:all` alone runs, to keep `npm test` within its time: what has a script of its own with more
 * cases (test:kill, fuzz, test:day, test:matrix), and what tests the tools of the tests.
 */
const LONG = [
  "test/kill/kill.test.ts",
  "test/gateway/fuzz.test.ts",
  "test/mutation/mutations.test.ts",
  "test/mutation/rules/rules.test.ts",
  "test/tools/build.test.ts",
  "test/tools/control-plane.test.ts",
  "test/tools/nothing-left-behind.test.ts",
  "test/deploy/github.test.ts",
  "test/model/holds-shared.test.ts",
  "test/e2e/day.test.ts",
  "test/e2e/dialogue.test.ts",
  "test/e2e/matrix.test.ts",
  "test/e2e/swaps.test.ts",
];
const left = process.env.SALLYPORT_TEST_ALL === "1" ? [] : LONG;

/**
 * Rooms whose files share a process, one after the other: each would else load the whole gateway anew, which is a second
 * of CPU time for each of sixty. So they leave nothing behind in it: no environment, no fake clocks, no prototypes.
 */
const SHARED = ["base", "gateway", "kubernetes", "pitfalls", "proxy"].map((room) => `test/${room}/**/*.test.ts`);

/** Short files that take long: where no run was before, vitest begins with the largest, and would end with these. */
const FIRST = [
  "test/approvals/home-embedded.test.ts",
  "test/approvals/home-github.test.ts",
  "test/approvals/model/model.test.ts",
  "test/approvals/github/attacks.test.ts",
  "test/durability/durability.test.ts",
  "test/e2e/up.test.ts",
  "test/tamper/tamper.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer["sort"]>[0]): ReturnType<BaseSequencer["sort"]> {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }: (typeof files)[number]): boolean => FIRST.some((name) => moduleId.endsWith(name));
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

export default defineConfig({
  test: {
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", ...SHARED, ...left],
        },
      },
      { test: { ...shared, name: "shared", include: SHARED, exclude: left, isolate: false } },
      {
        test: {
          ...shared,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: left,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
