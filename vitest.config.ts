import { defineConfig } from "vitest/config"

// SKEIN_SOAK=1 (set by `pnpm soak`) means: the same suites at full size, so no test may be stopped by the clock of a quick run.
const soak = process.env["SKEIN_SOAK"] === "1"

/**
 * Three projects, so that `vitest run --project unit` is a quick answer. They differ in how long one test may take, not in how it runs:
 * each file has a process of its own (signals, `process.chdir` and a crash stay inside it), two at a time.
 */
export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "test/kit/**/*.test.ts"],
          exclude: ["**/*.integration.test.ts"],
          testTimeout: 60_000
        }
      },
      { extends: true, test: { name: "laws", include: ["test/laws/**/*.test.ts"], testTimeout: soak ? 3_600_000 : 60_000 } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.integration.test.ts", "packages/*/test/**/*.integration.test.ts"],
          testTimeout: soak ? 3_600_000 : 180_000,
          hookTimeout: 180_000
        }
      }
    ],
    coverage: { provider: "v8", include: ["packages/*/src/**/*.ts"], reportsDirectory: "coverage" }
  }
})
