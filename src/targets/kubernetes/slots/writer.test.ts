import { expect, test } from "vitest";
import { fence, instant, intentId } from "../../../core/units.ts";
import type { Answer, Api } from "../api/api.ts";
import type { Picture, Reader } from "./picture.ts";
import { Writer } from "./writer.ts";

const PICTURE: Picture = {
  places: { blue: { slot: "blue", pods: [] }, green: { slot: "green", pods: [] } },
  governors: [],
  services: [],
  at: instant(0),
};

/** What is answered to a write that the API server refuses with 409 and this code, whenever it is tried. */
async function refused(code: string): Promise<{ answer: unknown; tries: number }> {
  const absent: Answer<never> = { is: "absent", cause: { code: "TEAL-K112", message: "" } };
  const api = { namespace: "shop", get: () => Promise.resolve(absent) } as unknown as Api;
  const reader = { read: () => Promise.resolve({ is: "seen", picture: PICTURE }) } as unknown as Reader;
  const by = {
    intent: intentId("i"),
    fence: fence(1),
    deadline: instant(Date.now() + 10_000),
    signal: new AbortController().signal,
  };
  let tries = 0;
  const write = (): Promise<Answer<never>> => {
    tries++;
    return Promise.resolve({ is: "refused", status: 409, reason: "", cause: { code, message: "why" } });
  };
  const answer = await new Writer(api, "shop", reader).write("blue", "any", by, () => ({
    next: "write",
    write,
  }));
  return { answer, tries };
}

test.each(["TEAL-K114", "TEAL-K118"])("what is somebody else's is told as it is (%s)", async (code) => {
  const { answer } = await refused(code);
  expect(answer).toEqual({ is: "rejected", cause: { code, message: "why" } });
});

test("a race that is lost every time is told as one, and may be tried again", async () => {
  const { answer, tries } = await refused("TEAL-K113");
  expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-K202" }, retryAfter: 500 });
  expect(tries).toBe(6);
});
