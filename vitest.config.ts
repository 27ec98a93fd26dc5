import { defineConfig } from "vitest/config";

// Tests run from the sources: the "@showtell/source" export condition points every package at src/,
// so a stale dist can never make a test pass.
export default defineConfig({
  resolve: { conditions: ["@showtell/source"] },
  ssr: { resolve: { conditions: ["@showtell/source"], externalConditions: ["@showtell/source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts", "bench/src/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
