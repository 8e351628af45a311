import type { Happening } from "../../src/core/journal.ts";
import type { DeploymentId } from "../../src/core/units.ts";
import type { Key, StateStore } from "../../src/ports/store.ts";

export const KEY: Key = { service: "shop", environment: "production" };

/** An event that is told apart by its text. */
export function note(text: string): Happening {
  return { kind: "asked", ask: "promote", by: text };
}

/** Appends `count` events, each once, whatever others append meanwhile. */
export async function appendMany(
  store: StateStore,
  id: DeploymentId,
  writer: string,
  count: number,
  acknowledged: (seq: number) => void = () => undefined,
): Promise<void> {
  let expected = 1;
  for (let index = 0; index < count;) {
    const answer = await store.append(KEY, id, expected, [note(`${writer} ${index}`)], "ask");
    if (answer.is === "appended") {
      expected += 1;
      index += 1;
      acknowledged(expected);
    } else if (answer.is === "conflict") expected = answer.seq;
    else throw new Error(JSON.stringify(answer));
  }
}
