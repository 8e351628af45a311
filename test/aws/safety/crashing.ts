import type { Holder } from "../../../src/core/journal.ts";
import { isAlive } from "../../../src/targets/local/identity.ts";
import { SLOTS, type ShopSlot } from "../../aws-sim/shop.ts";
import type { Met } from "../../aws-sim/interception.ts";
import { belongings, pictureOf, sizeOf } from "./picture.ts";
import { BUCKET, type Place } from "./place.ts";
import { start, type Death, type Errand } from "./processes.ts";

/* A process is killed with SIGKILL around one of its calls; another one goes on. */

export interface Crashed {
  /** The call at which it died; absent where it made fewer calls and ended well. */
  readonly at?: Met;
  readonly when: Death["when"];
  /** What should not be as it is at the end; empty when all is well. */
  readonly wrong: readonly string[];
}

/** Deploys a revision, dies, goes on in another process to the end, and looks at what is there then. */
export async function crashedDeployment(place: Place, revision: string, death: Death): Promise<Crashed> {
  const before = livesOn(place);
  const first = start(place.story, { does: { is: "deploy", revision } }, death);
  const ran = await first.ended;
  const { when } = death;
  if (ran.is === "broken") return { when, wrong: [ran.told] };
  if (ran.is === "ended")
    return { when, wrong: [...wrongly("done", ran), ...settled(place, revision, before)] };
  const wrong = await goneOn(place, { is: "deploy", revision });
  return { at: ran.at, when, wrong: [...wrong, ...settled(place, revision, before)] };
}

/** What somebody does who finds a dead process: resume, and where there is nothing to resume, the command again. */
async function goneOn(place: Place, does: Errand["does"]): Promise<readonly string[]> {
  const resumed = await start(place.story, { does: { is: "resume" } }).ended;
  if (resumed.is !== "ended") return [`resume: ${JSON.stringify(resumed)}`];
  if (resumed.outcome !== "none") return wrongly("done", resumed);
  const again = await start(place.story, { does }).ended;
  if (again.is !== "ended") return [`again: ${JSON.stringify(again)}`];
  return again.outcome === "unchanged" ? [] : wrongly("done", again);
}

function wrongly(
  outcome: string,
  ran: { readonly outcome: string; readonly told: string },
): readonly string[] {
  return ran.outcome === outcome ? [] : [`it ended ${ran.told}`];
}

/** After a whole deployment: the revision serves at its size, the other slot is empty, all else is as its owner left it. */
function settled(place: Place, revision: string, before: ShopSlot): readonly string[] {
  const { story, owned } = place;
  const live = livesOn(place);
  const idle = SLOTS.find((slot) => slot !== live) ?? "green";
  const is = {
    moved: live !== before,
    images: imagesOn(place, live),
    live: sizeOf(story, live),
    idle: sizeOf(story, idle),
    owned: belongings(story),
    holding: holding(place),
  };
  const should = {
    moved: true,
    images: [revision],
    live: [1, 4, 2],
    idle: [0, 4, 0],
    owned,
    holding: [],
  };
  const [there, wanted] = [JSON.stringify(is), JSON.stringify(should)];
  return there === wanted ? [] : [`at the end there is ${there}, not ${wanted}`];
}

/**
 * Process ids of those who hold a lease and live. Who died after the deployment was closed leaves a lease that the next
 * one takes at once: its holder is gone.
 */
function holding({ story }: Place): readonly number[] {
  return [...story.simulator.s3.objects(BUCKET)]
    .filter(([key]) => key.endsWith("/lease.json"))
    .map(([, body]) => JSON.parse(body) as { readonly released: boolean; readonly holder: Holder })
    .filter(({ released, holder }) => !released && isAlive(holder))
    .map(({ holder }) => holder.pid);
}

export function livesOn({ story }: Place): ShopSlot {
  const { slots } = pictureOf(story);
  return slots.green.weight > slots.blue.weight ? "green" : "blue";
}

function imagesOn({ story }: Place, slot: ShopSlot): readonly string[] {
  const { compute, scaling } = story.simulator;
  const members = scaling.state.groups.get(story.shop.groups[slot])?.members ?? [];
  return [...new Set(members.map(({ id }) => compute.state.instances.get(id)?.image ?? "gone"))];
}

/**
 * A warm deployment is rolled back by a process that dies, and by another one after it.
 * @param revision one that was never deployed here.
 */
export async function crashedRollback(place: Place, revision: string, death: Death): Promise<Crashed> {
  const { when } = death;
  const before = livesOn(place);
  const there = await start(place.story, { does: { is: "deploy", revision } }).ended;
  if (there.is !== "ended" || there.outcome !== "warm")
    return { when, wrong: [`deploy: ${JSON.stringify(there)}`] };
  const ran = await start(place.story, { does: { is: "rollback" } }, death).ended;
  if (ran.is === "broken") return { when, wrong: [ran.told] };
  const wrong = ran.is === "ended" ? wrongly("reverted", ran) : await goneBack(place);
  const serves = livesOn(place) === before ? [] : [`users are on ${livesOn(place)} after the rollback`];
  const owned = JSON.stringify(belongings(place.story)) === JSON.stringify(place.owned);
  const all = [...wrong, ...serves, ...(owned ? [] : ["what was borrowed was not given back"])];
  return ran.is === "killed" ? { at: ran.at, when, wrong: all } : { when, wrong: all };
}

/** Whoever runs the command again: it goes on with the way back, or begins it where nobody had. */
async function goneBack(place: Place): Promise<readonly string[]> {
  const resumed = await start(place.story, { does: { is: "resume" } }).ended;
  if (resumed.is !== "ended") return [`resume: ${JSON.stringify(resumed)}`];
  if (resumed.outcome !== "warm") return wrongly("reverted", resumed);
  const again = await start(place.story, { does: { is: "rollback" } }).ended;
  return again.is === "ended" ? wrongly("reverted", again) : [`again: ${JSON.stringify(again)}`];
}
