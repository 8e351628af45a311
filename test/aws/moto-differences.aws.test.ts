import { DescribeImagesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientConfig } from "../aws-sim/sdk.ts";
import { playOnMoto, playOnSimulator, type Played } from "./both.ts";
import { differences, type Difference } from "./comparing.ts";
import { KNOWN_DIFFERENCES } from "./differences.ts";
import { startMoto, type Moto } from "./moto.ts";

/* The simulator beside an implementation that shares nothing with it: the same calls, and every difference is known. */

let moto: Moto;
let there: Played;
let here: Played;
let found: readonly Difference[];

beforeAll(async () => {
  moto = await startMoto();
  there = await playOnMoto(moto.environment, await anImage(moto));
  const { simulator, ...played } = await playOnSimulator();
  await simulator.stop();
  here = played;
  found = differences(here, there);
});
afterAll(() => moto.stop());

test("every difference between the simulator and moto is known, with who is right", () => {
  const unlisted = found.filter(
    ({ where }) => !KNOWN_DIFFERENCES.some((known) => matches(known.where, where)),
  );
  expect(unlisted).toEqual([]);
});

test("every difference that is listed still shows", () => {
  const gone = KNOWN_DIFFERENCES.filter((known) => !found.some(({ where }) => matches(known.where, where)));
  expect(gone.map(({ where }) => where)).toEqual([]);
});

test("what both answer is much, and most of it is the same", () => {
  const both = [...here.outcomes]
    .filter(([step, { is }]) => is === there.outcomes.get(step)?.is)
    .map(([step]) => step);
  const same = both.filter((step) => !found.some(({ where }) => where.startsWith(`${step} `)));
  expect(both.length).toBeGreaterThan(100);
  expect(same.length).toBeGreaterThan(50);
});

describe("a difference is found", () => {
  const said = (output: object, id = "i-0123456789abcdef0") => ({
    outcomes: new Map([["a", { is: "answer", output } as const]]),
    memory: { instance: id },
  });
  const refused = (code: string) => ({
    outcomes: new Map([["a", { is: "error", code } as const]]),
    memory: {},
  });

  test.each([
    ["a value", said({ Rules: [{ Weight: 1 }] }), said({ Rules: [{ Weight: 2 }] }), ["a Rules[].Weight"]],
    ["a member", said({ Weight: 1, State: "up" }), said({ Weight: 1 }), ["a State"]],
    ["how many there are", said({ Rules: [1, 1] }), said({ Rules: [1] }), ["a Rules[]"]],
    ["an answer where the other refuses", said({ Weight: 1 }), refused("RuleNotFound"), ["a error"]],
    ["another error", refused("RuleNotFound"), refused("ValidationError"), ["a error"]],
    [
      "no id, account or instant",
      said({ Id: "vpc-0a1b2c3d4e5f60718", At: new Date(1) }),
      said({ Id: "vpc-11112222333344445", At: new Date(2) }),
      [],
    ],
    [
      "what the scenario remembers is the same thing only as itself",
      said({ Id: "i-0123456789abcdef0" }),
      said({ Id: "i-0123456789abcdef1" }),
      ["a Id"],
    ],
  ])("%s", (_, one, other, where) => {
    expect(differences(one, other).map((each) => each.where)).toEqual(where);
  });
});

function matches(pattern: string, where: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.[\]$()+?^{|}\\]/gu, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "u").test(where);
}

/** One of the images that moto has from the beginning. */
async function anImage({ environment }: Moto): Promise<string> {
  const client = new EC2Client(clientConfig(environment));
  try {
    const { Images = [] } = await client.send(new DescribeImagesCommand({}));
    return Images.find((image) => image.Architecture === "x86_64")!.ImageId!;
  } finally {
    client.destroy();
  }
}
