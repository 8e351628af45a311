import { resolve as resolvePath } from "node:path";
import type { AwsSettings, Reaching } from "../targets/aws/settings.ts";
import type { Config } from "./config.ts";
import { DEFAULTS, sure } from "./defaults.ts";
import { readDuration } from "./units.ts";

const D = DEFAULTS.aws;

/** What the AWS target needs, as far as a file can say it; the rest is inferred from the account. */
export function awsSettingsOf(config: Config): AwsSettings {
  const { aws: written } = config.target;
  if (written === undefined) throw new Error(`${config.service} does not run on AWS by its configuration`);
  const { account, region, profile, host, path, groups, targetGroups, rules, replicas, publish } = written;
  return {
    service: config.service,
    environment: config.environment,
    account,
    ...defined({ region, profile }),
    listeners: written.listener ?? [],
    match: defined({ host, path }),
    ...defined({ rules, groups, targetGroups }),
    template: templateOf(written.template ?? D.template, config.folder),
    ...defined({ replicas }),
    reach: reachOf(written.reach ?? D.reach.by),
    sticky: written.sticky ?? D.sticky,
    propagation: written.propagation ?? sure(readDuration(D.propagation), D.propagation),
    ...(written.state === undefined ? {} : { state: bucketOf(written.state) }),
    ...defined({ publish }),
  };
}

type WrittenAws = NonNullable<Config["target"]["aws"]>;

function templateOf(written: NonNullable<WrittenAws["template"]>, folder: string): AwsSettings["template"] {
  if (written === "image") return { by: "image" };
  return { by: "userData", file: resolvePath(folder, written.userData) };
}

function reachOf(written: NonNullable<WrittenAws["reach"]>): Reaching {
  if (written === "address") return { by: "address" };
  if (written === "headerRule") return { by: "headerRule", header: D.reach.header };
  const { headerRule, testListener } = written;
  if (testListener !== undefined) return { by: "testListener", listener: testListener };
  if (headerRule === undefined) throw new Error("a way without a name passed the schema");
  const { header, value } = headerRule;
  return { by: "headerRule", header: header ?? D.reach.header, ...defined({ value }) };
}

/** `s3://bucket/a/b/` is the bucket `bucket` and the prefix `a/b`. */
function bucketOf(written: string): NonNullable<AwsSettings["state"]> {
  const [bucket = "", ...prefix] = written.slice("s3://".length).split("/");
  return { bucket, prefix: prefix.filter((part) => part !== "").join("/") };
}

/** Without the keys that have no value. */
function defined<T extends object>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
