// Sums vitest's JSON reports: `node count.ts <folder> <broken targets>` prints `N passed, N failed` and exits non-zero
// unless something passed and nothing failed. Skipped tests count as neither.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Counts every `status` of tests (in `assertionResults`) and files (in `testResults`) of a report. */
function count(report: unknown): { readonly passed: number; readonly failed: number } {
  let passed = 0;
  let failed = 0;
  for (const file of list(report, "testResults")) {
    const statuses = list(file, "assertionResults").map((test) => field(test, "status"));
    passed += statuses.filter((status) => status === "passed").length;
    const failures = statuses.filter((status) => status === "failed").length;
    // A file that does not even load fails without a failed test.
    failed += field(file, "status") === "failed" ? Math.max(failures, 1) : failures;
  }
  return { passed, failed };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  if (!Array.isArray(found)) throw new Error(`This is no report of vitest: it has no list "${name}".`);
  return found;
}

const [folder = "", broken] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const name of existsSync(folder) ? readdirSync(folder) : []) {
  const report: unknown = JSON.parse(readFileSync(join(folder, name), "utf8"));
  const counted = count(report);
  passed += counted.passed;
  failed += counted.failed;
}
if (failed === 0) failed = Number(broken);
process.stdout.write(`${String(passed)} passed, ${String(failed)} failed\n`);
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
