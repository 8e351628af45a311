import { readFile } from "node:fs/promises";
import { digest } from "../api/connection.ts";
import { isIntact } from "../core/planning/plan.ts";
import type { Plan } from "../core/plan.ts";
import type { Cause } from "../core/units.ts";
import type { Key } from "../ports/store.ts";

/** Reads a plan that `teal plan --out` wrote. What was changed by hand, or made for another service, is refused. */
export async function readPlan(
  file: string,
  key: Key,
): Promise<{ readonly is: "plan"; readonly plan: Plan } | { readonly is: "wrong"; readonly cause: Cause }> {
  const wrong = (message: string) =>
    ({ is: "wrong", cause: { code: "TEAL-X009", message: `${file}: ${message}` } }) as const;
  let plan: Plan;
  try {
    plan = JSON.parse(await readFile(file, "utf8")) as Plan;
  } catch (error) {
    return wrong(
      error instanceof SyntaxError
        ? "is not JSON"
        : `cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  if (plan.schema !== 1 || typeof plan.digest !== "string")
    return wrong("is not a plan of this version of Teal");
  if (!isIntact(plan, digest)) return wrong("was changed after it was made");
  const { service, environment } = plan.request;
  if (service !== key.service || environment !== key.environment)
    return wrong(`was made for ${service} (${environment})`);
  return { is: "plan", plan };
}
