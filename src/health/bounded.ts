/** Regular expressions and JSONPath may take exponential time; a service's answer must not stop Teal. */
const ATMOST = 100;

let run: ((work: () => unknown) => unknown) | undefined;

/**
 * Runs a pure, synchronous function and stops it after 100 ms, whatever it does: `vm` ends any script it started, a
 * regular expression in the middle of backtracking included. That bounds any pattern, where a check of the pattern's
 * text would refuse harmless ones and miss others, and costs 0.2 ms, where a worker thread costs tens.
 * @returns the value, or `late`.
 * @throws what the function throws.
 */
export function bounded<T>(
  work: () => T,
): { readonly is: "done"; readonly value: T } | { readonly is: "late" } {
  run ??= createRunner();
  try {
    return { is: "done", value: run(work) as T };
  } catch (error) {
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
      return { is: "late" };
    throw error;
  }
}

function createRunner(): (work: () => unknown) => unknown {
  const vm = process.getBuiltinModule("node:vm");
  const context = vm.createContext({ work: undefined as unknown });
  const script = new vm.Script("work()");
  return (work) => {
    context["work"] = work;
    try {
      return script.runInContext(context, { timeout: ATMOST });
    } finally {
      context["work"] = undefined;
    }
  };
}
