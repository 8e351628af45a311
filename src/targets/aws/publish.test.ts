import { expect, test } from "vitest";
import type { Happening, JournalEvent } from "../../core/journal.ts";
import { fence, instant, intentId, millis, version, type Cause } from "../../core/units.ts";
import type { Answer, AwsApi } from "./api/api.ts";
import { publishWeights } from "./publish.ts";

const shift = (id: string, green: number): Happening => ({
  kind: "intent",
  intent: intentId(id),
  step: `shift-green-${green}`,
  dir: "forward",
  call: { call: "shift", to: { blue: 100 - green, green } },
  expect: version("1"),
  fence: fence(1),
  bound: millis(5_000),
});
const ended = (id: string, result: "applied" | "unknown" | "rejected"): Happening => ({
  kind: "outcome",
  intent: intentId(id),
  result,
});

/** The writes of a publisher that was told these events, in order, with what it reported. */
async function told(events: readonly Happening[], answer: Answer<void> = { is: "ok", value: undefined }) {
  const puts: string[] = [];
  const reported: Cause[] = [];
  const put: AwsApi["parameters"]["put"] = async (name, value) => {
    // A slow write must not be overtaken by the next one.
    await new Promise((resolve) => setTimeout(resolve, puts.length === 0 ? 20 : 0));
    puts.push(`${name} ${value}`);
    return answer;
  };
  const publisher = publishWeights(
    { parameters: { put } } as unknown as AwsApi,
    "/shop/weights",
    (cause) => void reported.push(cause),
  );
  for (const [index, event] of events.entries())
    publisher.tell({ ...event, seq: index + 1, at: instant(0) } satisfies JournalEvent);
  await publisher.settled();
  return { puts, reported };
}

test("each shift that took effect is published, in order; others are not", async () => {
  const { puts } = await told([
    shift("a", 10),
    ended("a", "applied"),
    shift("b", 50),
    ended("b", "rejected"),
    shift("c", 100),
    ended("c", "unknown"),
    ended("c", "applied"),
  ]);
  expect(puts).toEqual(['/shop/weights {"blue":90,"green":10}', '/shop/weights {"blue":0,"green":100}']);
});

test("the end of a deployment puts right what another process shifted", async () => {
  const closed: Happening = {
    kind: "closed",
    outcome: "done",
    serves: { slot: "green", weights: { blue: 0, green: 100 } },
  };
  expect((await told([ended("elsewhere", "applied"), closed])).puts).toEqual([
    '/shop/weights {"blue":0,"green":100}',
  ]);
  expect((await told([shift("a", 100), ended("a", "applied"), closed])).puts).toHaveLength(1);
});

test("a parameter that cannot be written is told, with what it means", async () => {
  const cause: Cause = { code: "TEAL-A110", message: "not authorized to perform: ssm:PutParameter" };
  const failed = { is: "failed", code: "AccessDenied", cause, sure: true } as const;
  const { reported } = await told([shift("a", 100), ended("a", "applied")], failed);
  expect(reported).toEqual([
    {
      code: "TEAL-A510",
      message: expect.stringContaining("ssm:PutParameter; a terraform apply now would undo"),
    },
  ]);
});
