/* What this region offers. The list is a small part of https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html */

const FAMILIES: Readonly<Record<string, "x86_64" | "arm64">> = {
  t3: "x86_64",
  t3a: "x86_64",
  m5: "x86_64",
  m6i: "x86_64",
  c6i: "x86_64",
  r6i: "x86_64",
  t4g: "arm64",
  m7g: "arm64",
  c7g: "arm64",
};
const SIZES = ["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"] as const;

export interface InstanceType {
  readonly name: string;
  readonly architecture: "x86_64" | "arm64";
  readonly vcpus: number;
}

export const INSTANCE_TYPES: ReadonlyMap<string, InstanceType> = new Map(
  Object.entries(FAMILIES).flatMap(([family, architecture]) =>
    SIZES.filter((size) => family.startsWith("t") || size.endsWith("large")).map((size) => {
      const name = `${family}.${size}`;
      return [name, { name, architecture, vcpus: vcpus(size) }];
    }),
  ),
);

/** Two for everything up to `large`, as the current generations have; `xlarge` 4, `Nxlarge` N times that. */
function vcpus(size: string): number {
  const match = /^(\d*)xlarge$/.exec(size);
  return match ? 4 * Number(match[1] || 1) : 2;
}

export function zones(region: string): readonly string[] {
  return ["a", "b", "c"].map((letter) => `${region}${letter}`);
}

/** Identifiers of zones are the same in all accounts: `use1-az1`. The number of the letter here: assumed. */
export function zoneId(zone: string): string {
  const [area = "", direction = "", place = ""] = zone.slice(0, -1).split("-");
  const letter = zone.charCodeAt(zone.length - 1) - "a".charCodeAt(0) + 1;
  return `${area}${direction[0] ?? ""}${place}-az${letter}`;
}
