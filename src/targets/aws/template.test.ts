import { describe, expect, test } from "vitest";
import type { TemplateVersion } from "./api/api.ts";
import { architectureOf } from "./prepare.ts";
import { statusesOf } from "./ready-check.ts";
import {
  descriptionOf,
  findRevision,
  isOfTeal,
  rendered,
  revisionFor,
  sayingRevision,
  versionOf,
} from "./template.ts";

const BY_IMAGE = { service: "shop", template: { by: "image" } } as const;
const BY_DATA = { service: "shop", template: { by: "userData", file: "/srv/user-data.sh" } } as const;
const ONE = "ami-0aaaaaaaaaaaaaaa1";
const TWO = "ami-0aaaaaaaaaaaaaaa2";

function version(number: number, data: Record<string, unknown>, description?: string): TemplateVersion {
  const { ImageId: imageId, UserData: userData } = data as Record<string, string | undefined>;
  return {
    template: "lt-1",
    version: number,
    data: JSON.stringify(data),
    ...(imageId === undefined ? {} : { imageId }),
    ...(userData === undefined ? {} : { userData }),
    ...(description === undefined ? {} : { description }),
  };
}

describe("a revision by its image", () => {
  const base = version(1, { ImageId: ONE, InstanceType: "m7i.large", UserData: "Zm9v" });

  test("has one configuration whatever the image is, and another when anything else changes", () => {
    const { config } = revisionFor(ONE, base, BY_IMAGE.template, undefined);
    expect(config).toMatch(/^[0-9a-f]{12}$/);
    const other = version(2, { ImageId: TWO, InstanceType: "m7i.large", UserData: "Zm9v" });
    expect(revisionFor(TWO, other, BY_IMAGE.template, undefined)).toEqual({ id: TWO, config });
    for (const change of [{ InstanceType: "m7g.large" }, { UserData: "YmFy" }, { KeyName: "k" }]) {
      const changed = version(3, { ImageId: ONE, InstanceType: "m7i.large", UserData: "Zm9v", ...change });
      expect(revisionFor(ONE, changed, BY_IMAGE.template, undefined).config).not.toBe(config);
    }
  });

  test("is found where a version says it, else made from the newest that says the same but for the image", () => {
    const revision = revisionFor(TWO, base, BY_IMAGE.template, undefined);
    expect(findRevision(BY_IMAGE, revision, [base], undefined)).toEqual({ is: "source", version: base });
    const same = version(2, {
      ImageId: "ami-0aaaaaaaaaaaaaaa3",
      InstanceType: "m7i.large",
      UserData: "Zm9v",
    });
    expect(findRevision(BY_IMAGE, revision, [base, same], undefined)?.version.version).toBe(2);
    const made = version(3, { ImageId: TWO, InstanceType: "m7i.large", UserData: "Zm9v" });
    expect(findRevision(BY_IMAGE, revision, [made, base], undefined)).toEqual({
      is: "stored",
      version: made,
    });
    const changed = version(4, { ImageId: TWO, InstanceType: "m7i.xlarge" });
    expect(findRevision(BY_IMAGE, revision, [changed], undefined)).toBeUndefined();
  });
});

describe("a revision by its user data", () => {
  const base = version(1, { ImageId: ONE, UserData: "Zm9v" });

  test("depends on the file and the image, not on the name in it", () => {
    const made = (id: string, text: string, of = base) => revisionFor(id, of, BY_DATA.template, text).config;
    expect(made("v1", "run {revision}")).toBe(made("v2", "run {revision}"));
    expect(made("v1", "run {revision} fast")).not.toBe(made("v1", "run {revision}"));
    expect(made("v1", "x", version(2, { ImageId: TWO, UserData: "Zm9v" }))).not.toBe(made("v1", "x"));
  });

  test("is found by what Teal wrote beside it, also when the file has changed since", () => {
    const revision = revisionFor("v1", base, BY_DATA.template, "run {revision}");
    const made = version(2, { ImageId: ONE, UserData: "cnVu" }, descriptionOf("shop", revision));
    expect(findRevision(BY_DATA, revision, [base, made], "other")?.is).toBe("stored");
    expect(findRevision(BY_DATA, revision, [base, made], undefined)?.version.version).toBe(2);
    expect(findRevision(BY_DATA, revision, [base], "run {revision}")?.is).toBe("source");
    expect(findRevision(BY_DATA, revision, [base], "other")).toBeUndefined();
    expect(findRevision(BY_DATA, revision, [base], undefined)).toBeUndefined();
  });

  test("its name takes the place of every placeholder", () => {
    const text = Buffer.from(
      rendered("#!/bin/sh\nrun {revision} # {revision}\n", "v42"),
      "base64",
    ).toString();
    expect(text).toBe("#!/bin/sh\nrun v42 # v42\n");
  });
});

test("a version of the launch template is a revision as it stands", () => {
  expect(["lt:7", "7", "lt:0", "v7", "ami-7", "07"].map(versionOf)).toEqual([
    7,
    7,
    ...Array(4).fill(undefined),
  ]);
  const seven = version(7, { ImageId: ONE });
  const revision = sayingRevision(seven);
  expect(revision.id).toBe("lt:7");
  expect(findRevision(BY_IMAGE, revision, [version(1, { ImageId: TWO }), seven], undefined)).toEqual({
    is: "stored",
    version: seven,
  });
  expect(findRevision(BY_IMAGE, revision, [version(1, { ImageId: TWO })], undefined)).toBeUndefined();
});

test("versions that Teal made are told by their description", () => {
  const description = descriptionOf("shop", { id: TWO, config: "0123456789ab" });
  expect(isOfTeal(version(2, {}, description))).toBe(true);
  for (const other of [undefined, "by terraform", "teal is a colour"])
    expect(isOfTeal(version(2, {}, other))).toBe(false);
});

test.each([
  ["m7g.large", "arm64"],
  ["c6gn.xlarge", "arm64"],
  ["t4g.micro", "arm64"],
  ["a1.medium", "arm64"],
  ["im4gn.large", "arm64"],
  ["g5g.xlarge", "arm64"],
  ["m7i.large", "x86_64"],
  ["g4dn.xlarge", "x86_64"],
  ["t3.micro", "x86_64"],
  ["g6.xlarge", "x86_64"],
  ["mac2.metal", undefined],
  ["odd", undefined],
] as const)("instances of type %s are %s", (type, architecture) => {
  expect(architectureOf(type)).toBe(architecture);
});

test("statuses as a target group's matcher says them", () => {
  expect(statusesOf("200")).toEqual([[200, 200]]);
  expect(statusesOf("200-299,301")).toEqual([
    [200, 299],
    [301, 301],
  ]);
});
