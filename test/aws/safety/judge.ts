import { SLOTS, type ShopSlot } from "../../aws-sim/shop.ts";
import type { AwsStory } from "../story.ts";
import { pictureOf, type Picture } from "./picture.ts";
import { Users, type Got } from "./users.ts";

/** Distance (ms) between two looks besides the one after every write. */
const EVERY = 20;
/** So many answers in a row from every node are a proof. */
const ENOUGH = 3;
const OTHER: Readonly<Record<ShopSlot, ShopSlot>> = { blue: "green", green: "blue" };

/**
 * Watches the account and its users from the side, and says what should never have been:
 * - a request that failed, or an answer of a revision that nobody deploys;
 * - a rule that sends nobody anywhere, or users to a slot without a healthy target;
 * - both groups told to be empty;
 * - a cutover to fewer healthy targets than users had before;
 * - a slot made smaller before it was proven that nobody needs it: no weight, applied by every node, the last answers at
 *   every node from the other slot's revision, and somebody healthy there.
 */
export class Judge {
  readonly users: Users;
  readonly wrong: string[] = [];
  /** How often a slot was made smaller: the proof was really asked for. */
  shrunk = 0;
  readonly #story: AwsStory;
  readonly #timer: NodeJS.Timeout;
  readonly #leave: () => void;
  /** Revision of the image that each slot launches, by its answers. */
  readonly #revisions: ReadonlyMap<string, string>;
  #before: Picture;

  /** @param revisions what instances of an image answer, by the image's id. */
  constructor(story: AwsStory, revisions: ReadonlyMap<string, string>) {
    this.#story = story;
    this.#revisions = revisions;
    this.users = new Users(story);
    this.#before = pictureOf(story);
    this.#timer = setInterval(() => this.#look(), EVERY);
    this.#leave = story.simulator.intercept({
      after: ({ mutating }) => {
        if (mutating) this.#look();
        return undefined;
      },
    });
  }

  /** Ends, and answers everything that was wrong; empty when all was well. */
  async verdict(): Promise<readonly string[]> {
    await this.end();
    const failed = this.users.failed.map(({ node, status }) => `a request at ${node}: ${status}`);
    const known = new Set([...this.#revisions.values(), "nobody"]);
    const strange = [...this.users.revisions.keys()].filter((revision) => !known.has(revision));
    return [
      ...this.wrong,
      ...failed.slice(0, 10),
      ...strange.map((revision) => `users were answered by ${revision}`),
      ...(this.users.served === 0 ? ["no user was served at all"] : []),
    ];
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#leave();
    await this.users.end();
  }

  #look(): void {
    const before = this.#before;
    const now = pictureOf(this.#story);
    this.#before = now;
    const { blue, green } = now.slots;
    if (blue.weight + green.weight === 0) this.#say(before, "the rule sends nobody anywhere");
    if (blue.group.desired + green.group.desired === 0) this.#say(before, "both groups are told to be empty");
    for (const what of tooSmall(before, now)) this.#say(before, what);
    for (const slot of SLOTS) {
      const { weight, healthy, group } = now.slots[slot];
      if (weight > 0 && healthy === 0)
        this.#say(before, `${slot} has weight ${weight} and nobody is healthy`);
      if (group.desired < before.slots[slot].group.desired) {
        this.shrunk += 1;
        const lacking = unproven(now, OTHER[slot], this.users.latest, (each) => this.#revisionIn(each));
        for (const what of lacking) this.#say(before, `${slot} was made smaller, but ${what}`);
      }
    }
  }

  /** Each thing is said once, not at every look. */
  #say({ slots: { blue, green } }: Picture, what: string): void {
    if (this.wrong.at(-1)?.startsWith(what) === true) return;
    this.wrong.push(
      `${what} (before: blue ${blue.weight}/${blue.healthy}, green ${green.weight}/${green.healthy})`,
    );
  }

  #revisionIn(slot: ShopSlot): string {
    const { compute, scaling } = this.#story.simulator;
    const { members } = scaling.state.groups.get(this.#story.shop.groups[slot])!;
    const images = members.map(({ id }) => compute.state.instances.get(id)?.image ?? "");
    return [...new Set(images.map((image) => this.#revisions.get(image) ?? image))].join(" and ");
  }
}

/** A slot that lost its last share between two looks had more healthy targets for its users than the other one has. */
export function tooSmall({ slots: before }: Picture, { slots: now }: Picture): readonly string[] {
  return SLOTS.flatMap((slot) => {
    const other = OTHER[slot];
    if (before[slot].weight === 0 || now[slot].weight > 0) return [];
    const [had, have] = [before[slot].healthy, now[other].healthy];
    if (have >= had) return [];
    return [`users who had ${had} healthy targets on ${slot} got ${have} on ${other}`];
  });
}

/** What is missing for the proof that this slot serves all users. */
function unproven(
  now: Picture,
  slot: ShopSlot,
  latest: ReadonlyMap<string, readonly Got[]>,
  revisionIn: (slot: ShopSlot) => string,
): readonly string[] {
  const { weight, healthy } = now.slots[slot];
  const other = now.slots[OTHER[slot]];
  const revision = revisionIn(slot);
  const silent = [...latest].filter(
    ([, answers]) =>
      answers.length < ENOUGH || answers.slice(-ENOUGH).some((got) => got.revision !== revision),
  );
  return [
    ...(other.weight > 0 || weight === 0 ? [`${slot} has weight ${weight} beside ${other.weight}`] : []),
    ...(now.current ? [] : ["a node has not applied that yet"]),
    ...(healthy === 0 ? [`nobody is healthy on ${slot}`] : []),
    ...silent.map(([node]) => `${node} did not answer with ${revision} ${ENOUGH} times in a row`),
  ];
}
