// Prints the closing line of .ci/run: how many tests really ran, by the reports that vitest wrote. An argument for
// each stage: <exit status>:<path of its report, which only a stage of tests has>. A stage that failed without a
// failed test in its report counts as one failure. Plain JavaScript for any Node: it must also speak when the
// installation of the right one failed.
import { existsSync, readFileSync } from "node:fs";

const total = { passed: 0, failed: 0, skipped: 0 };

/** Tests that failed, and files that failed before any test of theirs ran. */
function failuresOf(report) {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  return report.numFailedTests + broken.length;
}

for (const stage of process.argv.slice(2)) {
  const at = stage.indexOf(":");
  const path = stage.slice(at + 1);
  let failures = 0;
  if (existsSync(path)) {
    const report = JSON.parse(readFileSync(path, "utf8"));
    failures = failuresOf(report);
    total.passed += report.numPassedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
  }
  total.failed += failures === 0 && stage.slice(0, at) !== "0" ? 1 : failures;
}

console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`,
);
