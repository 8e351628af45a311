import { describe, expect, it } from "vitest";
import { Collection } from "./collection.ts";
import type { KubeObject } from "./objects.ts";

const object = (name: string, resourceVersion: string): KubeObject => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion },
});
const shown = (collection: Collection<KubeObject>): readonly string[] =>
  collection.items.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);
const list = (resourceVersion: string, ...items: KubeObject[]) => ({ items, resourceVersion });

describe("a collection", () => {
  it("takes over a list, by name, and tells whether it differs", () => {
    const collection = new Collection();
    expect(collection.list(list("10", object("b", "5"), object("a", "7")), 1)).toBe(true);
    expect(shown(collection)).toEqual(["a@7", "b@5"]);
    expect(collection.list(list("11", object("b", "5"), object("a", "7")), 2)).toBe(false);
    expect(collection.list(list("12", object("b", "5")), 3)).toBe(true);
    expect(shown(collection)).toEqual(["b@5"]);
    expect(collection.version).toBe("12");
  });

  it("ignores events that come twice, or after their object is gone", () => {
    const collection = new Collection();
    collection.list(list("10", object("a", "7")), 1);
    expect(collection.event({ type: "MODIFIED", object: object("a", "11") }, 2)).toBe(true);
    expect(collection.event({ type: "MODIFIED", object: object("a", "11") }, 2)).toBe(false);
    expect(collection.event({ type: "ADDED", object: object("a", "7") }, 2)).toBe(false);
    expect(shown(collection)).toEqual(["a@11"]);
    expect(collection.event({ type: "DELETED", object: object("a", "12") }, 2)).toBe(true);
    expect(collection.event({ type: "DELETED", object: object("a", "12") }, 2)).toBe(false);
    expect(collection.event({ type: "MODIFIED", object: object("a", "11") }, 2)).toBe(false);
    collection.list(list("20"), 3);
    expect(collection.event({ type: "MODIFIED", object: object("a", "11") }, 4)).toBe(false);
    expect(shown(collection)).toEqual([]);
  });

  it("lets an object return to the selection that it had left", () => {
    const collection = new Collection();
    collection.list(list("10", object("a", "7")), 1);
    collection.event({ type: "DELETED", object: object("a", "11") }, 2);
    expect(collection.event({ type: "ADDED", object: object("a", "12") }, 3)).toBe(true);
    expect(shown(collection)).toEqual(["a@12"]);
  });

  it("lets a list that was overtaken change only what it knows better", () => {
    const collection = new Collection();
    collection.list(list("10", object("a", "7"), object("b", "8"), object("c", "9")), 1);
    collection.event({ type: "MODIFIED", object: object("a", "21") }, 2);
    collection.event({ type: "DELETED", object: object("b", "22") }, 2);
    collection.event({ type: "ADDED", object: object("d", "23") }, 2);
    collection.list(list("20", object("a", "7"), object("b", "8"), object("c", "15")), 1.5);
    expect(shown(collection)).toEqual(["a@21", "c@15", "d@23"]);
    expect(collection.version).toBe("23");
  });

  it("shows own writes at once and takes no older news", () => {
    const collection = new Collection();
    collection.list(list("10", object("a", "7")), 1);
    expect(collection.put(object("a", "30"), 2)).toBe(true);
    expect(collection.put(object("b", "31"), 2)).toBe(true);
    collection.event({ type: "MODIFIED", object: object("a", "12") }, 3);
    collection.list(list("20", object("a", "12")), 1.5);
    expect(shown(collection)).toEqual(["a@30", "b@31"]);
    expect(collection.put(object("a", "12"), 4)).toBe(false);
    expect(collection.version).toBe("20"); // the watch must not skip what happened to others
  });

  it("hides what an own write removed, until a later list shows that it is still there", () => {
    const collection = new Collection();
    collection.list(list("10", object("a", "7")), 1);
    expect(collection.drop("uid-a", 2)).toBe(true);
    collection.event({ type: "MODIFIED", object: object("a", "11") }, 3);
    collection.list(list("12", object("a", "11")), 1.5);
    expect(shown(collection)).toEqual([]);
    collection.list(list("13", object("a", "11")), 4);
    expect(shown(collection)).toEqual(["a@11"]);
  });

  it("believes a cluster that was restored from a backup", () => {
    const collection = new Collection();
    collection.list(list("1000", object("a", "900"), object("b", "950")), 1);
    expect(collection.list(list("500", object("a", "400")), 2)).toBe(true);
    expect(shown(collection)).toEqual(["a@400"]);
    expect(collection.event({ type: "MODIFIED", object: object("a", "501") }, 3)).toBe(true);
  });

  it("goes by the time where versions are no numbers", () => {
    const collection = new Collection();
    collection.list(list("x", object("a", "p"), object("b", "q")), 1);
    collection.event({ type: "MODIFIED", object: object("a", "r") }, 5);
    collection.put(object("c", "s"), 5);
    collection.list(list("y", object("a", "p"), object("b", "q")), 4); // begun before
    expect(shown(collection)).toEqual(["a@r", "b@q", "c@s"]);
    collection.list(list("z", object("a", "t")), 6);
    expect(shown(collection)).toEqual(["a@t"]);
    expect(collection.event({ type: "MODIFIED", object: object("a", "t") }, 7)).toBe(false);
  });
});
