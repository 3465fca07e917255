// Kinds of tests, told apart by file name, so that a target can run one kind and CI can count each.
import { defineConfig } from "vitest/config";

/** Not ours, written by a generator, or broken on purpose. */
const exclude = ["**/node_modules/**", "**/generated/**", "**/testdata/**"];

/** Kinds with a suffix of their own; a plain `x.test.ts` is a unit test. */
const SUFFIXES = ["conformance", "sim", "e2e", "disk", "tools", "cluster"] as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...exclude, ...SUFFIXES.map((suffix) => `**/*.${suffix}.test.ts`)],
          // Generous: a slow machine must not turn into a failure. A test that hangs still ends.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "conformance",
          include: ["**/*.conformance.test.ts"],
          exclude,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["**/*.sim.test.ts"],
          exclude,
          testTimeout: 600_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["**/*.e2e.test.ts"],
          exclude,
          // Each starts processes with servers of their own: one file at a time, or they time each other out.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "disk",
          // Fills a file system of its own, which takes a mount: Linux, and root or user namespaces.
          include: ["**/*.disk.test.ts"],
          exclude,
          testTimeout: 180_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: ["**/*.cluster.test.ts"],
          exclude,
          // Each starts NATS servers, up to three, that sync every write: side by side they would starve each other.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "tools",
          include: ["**/*.tools.test.ts"],
          exclude,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
