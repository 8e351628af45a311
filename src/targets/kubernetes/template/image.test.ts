import { describe, expect, test } from "vitest";
import { imageOf, parseImage, revisionOf } from "./image.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parts of an image", () => {
  test.each([
    ["shop", { name: "shop" }],
    ["shop:v1", { name: "shop", tag: "v1" }],
    ["localhost:5000/shop", { name: "localhost:5000/shop" }],
    ["localhost:5000/team/shop:v1", { name: "localhost:5000/team/shop", tag: "v1" }],
    [`registry.example/shop@${DIGEST}`, { name: "registry.example/shop", digest: DIGEST }],
    [
      `registry.example:443/shop:v1@${DIGEST}`,
      { name: "registry.example:443/shop", tag: "v1", digest: DIGEST },
    ],
  ])("%s", (image, parts) => {
    expect(parseImage(image)).toEqual(parts);
  });
});

describe("the image a revision's name means", () => {
  test.each([
    ["v2", "registry.example/team/shop:v1", "registry.example/team/shop:v2"],
    ["v2", "registry.example/team/shop", "registry.example/team/shop:v2"],
    ["v2", "localhost:5000/shop", "localhost:5000/shop:v2"],
    ["v2", `registry.example/shop:v1@${DIGEST}`, "registry.example/shop:v2"],
    ["2026.11.23-1_a", "shop:v1", "shop:2026.11.23-1_a"],
    ["other.example/shop:v9", "registry.example/team/shop:v1", "other.example/shop:v9"],
    ["team/shop", "registry.example/team/shop:v1", "team/shop"],
    [`shop@${DIGEST}`, "registry.example/team/shop:v1", `shop@${DIGEST}`],
    [`localhost:5000/shop:v1@${DIGEST}`, "shop", `localhost:5000/shop:v1@${DIGEST}`],
  ])("%s of %s is %s", (revision, template, image) => {
    expect(imageOf(revision, template)).toEqual({ is: "image", image });
  });

  test.each([
    ["shop:v2", '"shop:v2" is no tag of team/shop; an image has a "/": docker.io/library/shop:v2'],
    ["v 2", '"v 2" is no tag of team/shop'],
    ["", '"" is no tag of team/shop'],
    ["-v2", '"-v2" is no tag of team/shop'],
    ["v".repeat(129), `"${"v".repeat(129)}" is no tag of team/shop`],
    ["team/shop:v 2", '"team/shop:v 2" is no image reference'],
    ["team/shop@sha256:12", '"team/shop@sha256:12" is no image reference'],
    [`@${DIGEST}`, `"@${DIGEST}" is no image reference`],
    ["team/shop:", '"team/shop:" is no image reference'],
    ["/shop:v1", '"/shop:v1" is no image reference'],
  ])("%j is refused", (revision, why) => {
    expect(imageOf(revision, "team/shop:v1")).toEqual({ is: "invalid", why });
  });
});

test("the revision of a template's own image is its tag, or all of it where it names a digest", () => {
  expect(revisionOf("registry.example:443/shop:v41")).toBe("v41");
  expect(revisionOf(`shop:v1@${DIGEST}`)).toBe(`shop:v1@${DIGEST}`);
  expect(revisionOf("registry.example:443/shop")).toBeUndefined();
});
