import { defineConfig } from "vitest/config";

// Three workers for the two cores that CI has: most tests start real programs (opa, git, kube-apiserver) and wait for
// them, and two left the cores idle for a third of the time.
const shared = {
  environment: "node" as const,
  pool: "forks" as const,
  testTimeout: 20_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    maxWorkers: 3,
    projects: [
      { test: { ...shared, name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/e2e/**"] } },
      {
        test: {
          ...shared,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
