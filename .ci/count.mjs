// Sums vitest's JSON reports: `node count.mjs <folder> <broken targets>` prints `N passed, N failed` and exits
// non-zero unless something passed and nothing failed. Skipped tests count as neither.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, broken] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const name of existsSync(folder) ? readdirSync(folder) : []) {
  const report = JSON.parse(readFileSync(join(folder, name), "utf8"));
  for (const file of report.testResults) {
    const statuses = file.assertionResults.map((test) => test.status);
    passed += statuses.filter((status) => status === "passed").length;
    const failures = statuses.filter((status) => status === "failed").length;
    // A file that does not even load fails without a failed test.
    failed += file.status === "failed" ? Math.max(failures, 1) : failures;
  }
}
if (failed === 0) failed = Number(broken);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(passed > 0 && failed === 0 ? 0 : 1);
