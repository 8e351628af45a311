import { onTestFinished } from "vitest";
import type { Answered, Load } from "../../examples/load.ts";
import type { Moved } from "../../src/api/deploying.ts";
import { Place, blueGreen, type PlaceOptions } from "./place.ts";

/** A service of its own for this test. It is ended when the test is over, however that ended; leftovers fail the test. */
export async function place(options: PlaceOptions = {}): Promise<Place> {
  const made = new Place();
  onTestFinished(() => made.end());
  await made.prepare(options);
  return made;
}

/** A service whose first revision serves. It came without users, so it was not watched for long. */
export async function serving(options: PlaceOptions): Promise<Place> {
  const made = await place({ ...options, strategy: blueGreen("100ms") });
  const moved = await made.deploy(options.revisions?.[0]);
  if (outcomeOf(moved) !== "done") throw new Error(`the first deployment ended ${tell(moved)}`);
  await made.configure(options);
  return made;
}

/** How a command ended, in one word: of a deployment that is over, its outcome. */
export function outcomeOf(moved: Moved): string {
  if (moved.is !== "ended") return moved.is;
  const { state } = moved.deployment;
  return state.is === "finished" ? state.outcome : state.is;
}

/** The same with its reason, for messages of tests. */
export function tell(moved: Moved): string {
  const cause = moved.is === "ended" ? moved.deployment.cause : "cause" in moved ? moved.cause : undefined;
  return `${outcomeOf(moved)} ${JSON.stringify(cause ?? "")}`;
}

/** What users must never meet while a service is deployed as it should: no answer, a broken stream, an odd status. */
export function complaints(
  load: Load,
  allowed: (answered: Answered) => boolean = () => false,
): readonly string[] {
  const fine = ({ got }: Answered) => got === 200 || got === 201;
  const odd = load.answers.filter((answered) => !fine(answered) && !allowed(answered));
  const streams = load.brokenStreams === 0 ? [] : [`${load.brokenStreams} streams broke`];
  return [
    ...odd
      .slice(0, 10)
      .map((each) => `${Math.round(each.at)} ms ${each.kind}: ${each.got} by ${each.version ?? "edge"}`),
    ...streams,
  ];
}

/** Versions that answered, each with how often. */
export function versionsOf(answers: readonly Answered[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { version = "edge" } of answers) counts[version] = (counts[version] ?? 0) + 1;
  return counts;
}
