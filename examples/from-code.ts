import {
  connectLocal,
  deployRevision,
  formatProblems,
  loadConfig,
  millis,
  planRevision,
  rollback,
  statusOf,
  watch,
  type Connection,
} from "../src/index.ts";

/**
 * Teal from a program: plans, deploys, watches and rolls back. In a project of yours the import says "teal-deploy".
 * Run it in a folder with a teal.yaml: `node examples/from-code.ts v2`
 */
const loaded = await loadConfig({ env: process.env, cwd: process.cwd() });
if (loaded.is === "invalid") {
  console.error(formatProblems(loaded.problems, { color: false }));
  process.exit(2);
}
const connection = await connectLocal(loaded.config, { secrets: loaded.secrets });
// Every wait has an end.
const signal = AbortSignal.timeout(millis(120_000));
try {
  process.exitCode = await tryOut(connection, process.argv[2]);
} finally {
  await connection.close();
}

async function tryOut(service: Connection, name: string | undefined): Promise<number> {
  const prepared = await service.target.prepare(name, signal);
  if (prepared.is === "refused") return refuse(prepared.cause.message, prepared.next);

  const answer = await planRevision(service, prepared.revision, {}, signal);
  if ("unavailable" in answer) return refuse(answer.unavailable.message, "teal status");
  if (answer.planned.is === "plan")
    console.log(`plan: ${answer.planned.plan.steps.map((step) => step.id).join(", ")}`);

  let following: Promise<void> | undefined;
  const options = { signal, planned: () => void (following = follow(service)) };
  const moved = await deployRevision(service, prepared.revision, {}, options);
  console.log(`deploy: ${moved.is}`);
  if (moved.is === "refused") return refuse(moved.cause.message, moved.next);
  if (moved.is === "warm") console.log(`rollback: ${(await rollback(service, { signal })).is}`);
  await following;
  const { serves } = await statusOf(service, signal);
  console.log(`serves: ${serves.revision ?? "nothing"} on ${serves.slot}`);
  return 0;
}

/** Prints the verdicts of the deployment that is under way, whoever advances it, until it is closed. */
async function follow(service: Connection): Promise<void> {
  for await (const event of watch(service, signal)) {
    if (event.kind === "verdict") console.log(`${event.of}: ${event.result}, ${event.facts.summary}`);
  }
}

function refuse(message: string, next: string): number {
  console.error(`${message}\nNext: ${next}`);
  return 3;
}
