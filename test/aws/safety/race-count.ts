import { expect } from "vitest";
import { KINDS, openTrack, type Raced } from "./racing.ts";

/** So many races, of each kind in turn; every one is judged. Answers what became of the late writes, by how many. */
export async function raceAll(races: number): Promise<Readonly<Record<string, number>>> {
  const track = await openTrack();
  const late: Record<string, number> = { refused: 0, before: 0, after: 0, repaired: 0 };
  try {
    for (let number = 0; number < races; number += 1) {
      const raced = await track.race(KINDS[number % KINDS.length] ?? "fresh", number);
      expect({ number, ...one(raced) }).toEqual({ number, held: 1, opened: 1, proceeded: 1, right: true });
      if (raced.late !== undefined) late[raced.late] = (late[raced.late] ?? 0) + 1;
      if (raced.late === "after" && raced.repaired) late["repaired"] = (late["repaired"] ?? 0) + 1;
    }
    return late;
  } finally {
    await track.end();
  }
}

function one({ held, opened = 1, proceeded, right }: Raced) {
  return { held, opened, proceeded, right };
}
