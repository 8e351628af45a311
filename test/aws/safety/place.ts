import { AwsStory, type StoryOptions } from "../story.ts";
import { Judge } from "./judge.ts";
import { belongings } from "./picture.ts";

/** Seconds of the world between health checks: a busy machine can answer in time, though time runs twenty times as fast. */
const PATIENT = 15;

/** A window of two checks, and a whole way: bake, drain, retire. */
export const WHOLE = "{ blueGreen: { bake: 300ms, keepWarm: 0s, drain: 300ms } }";
export const WARM = "{ blueGreen: { bake: 300ms, keepWarm: 10m, drain: 300ms } }";
const HEALTH =
  "{ identity: { header: x-revision }, window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }";

export const BUCKET = "shop-teal";

/** A shop that is deployed to while somebody watches. */
export interface Place {
  readonly story: AwsStory;
  readonly judge: Judge;
  /** An image whose instances answer with its id, which is the revision's name; the judge knows of it. */
  image(name: string): string;
  /** What belonged to the owner before anything was deployed. */
  readonly owned: unknown;
  end(): Promise<void>;
}

export async function openPlace(options: StoryOptions = {}): Promise<Place> {
  const story = await AwsStory.open({
    strategy: WHOLE,
    health: HEALTH,
    ...options,
    aws: [`state: s3://${BUCKET}/production`, ...(options.aws ?? [])],
    shop: { healthInterval: PATIENT, ...options.shop },
  });
  story.simulator.s3.createBucket(BUCKET);
  const { scaling } = story.simulator;
  for (const group of Object.values(story.shop.groups)) {
    // Three minutes of the machine: its programs may take seconds to start, which no real instance would be replaced for.
    scaling.foreignHand("UpdateAutoScalingGroup", {
      AutoScalingGroupName: group,
      HealthCheckGracePeriod: "3600",
    });
    // Somebody suspended a process before Teal came, and a schedule makes Teal suspend another one.
    scaling.foreignHand("SuspendProcesses", {
      AutoScalingGroupName: group,
      ScalingProcesses: ["AZRebalance"],
    });
    scaling.foreignHand("PutScheduledUpdateGroupAction", {
      AutoScalingGroupName: group,
      ScheduledActionName: "every-night",
      Recurrence: "0 3 * * *",
      MinSize: "1",
    });
  }
  const revisions = new Map([[story.shop.image, "r1"]]);
  const judge = new Judge(story, revisions);
  return {
    story,
    judge,
    image: (name) => {
      const { compute } = story.simulator;
      const imageId = compute.registerImage({ name });
      compute.registerImage({ name, imageId, behaviour: { revision: imageId } });
      revisions.set(imageId, imageId);
      return imageId;
    },
    owned: belongings(story),
    end: async () => {
      await judge.end();
      await story.end();
    },
  };
}
