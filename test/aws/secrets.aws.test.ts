import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { AwsStory, type Ran } from "./story.ts";

/* Secrets where people have them on AWS; everything that Teal writes and says is searched for each. */

const PLANTED = {
  /** In the file of user data, which a machine reads. */
  ofUserData: "user-data-password-4417",
  /** In the user data of the launch template that the groups had before. */
  ofTemplate: "template-password-8852",
  /** In the configuration by `${SHOP_TOKEN}`: a header of a check, which the candidate repeats in its answer. */
  ofCheck: "header-of-a-check-9273",
  ofAccessKey: "the-secret-access-key-6034",
  ofSession: "the-session-token-1758",
} as const;

const well = `{ ready: /health, window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 20s } }`;
const wanting = `{ ready: /health, deep: [{ http: { path: /echo, send: { headers: { x-token: "\${SHOP_TOKEN}" } }, body: { contains: nowhere } } }], window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 5s } }`;

let story: AwsStory | undefined;
afterEach(async () => {
  delete process.env["SHOP_TOKEN"];
  await story?.end();
  story = undefined;
});

test("no secret of user data, a template, a check or the credentials is in a journal, a tag or an output", async () => {
  process.env["SHOP_TOKEN"] = PLANTED.ofCheck;
  const userData = Buffer.from(`#!/bin/sh\nexport DB_PASSWORD=${PLANTED.ofTemplate}\n`).toString("base64");
  story = await AwsStory.open({
    shop: { instances: 1, deregistrationDelay: 5, launch: { UserData: userData } },
    aws: ["template: { userData: user-data.sh }", "state: s3://shop-teal/prod"],
    strategy: "{ blueGreen: { bake: 100ms, keepWarm: 0s, drain: 100ms } }",
    health: well,
  });
  const { simulator, folder } = story;
  const shop = story;
  simulator.s3.createBucket("shop-teal");
  const caller = {
    accessKeyId: "ASIASECRETS",
    secretAccessKey: PLANTED.ofAccessKey,
    sessionToken: PLANTED.ofSession,
    arn: `arn:aws:sts::${simulator.account}:assumed-role/teal-shop/run-1`,
  };
  simulator.principal(caller);
  shop.as = "ASIASECRETS";
  writeFileSync(
    join(folder, "user-data.sh"),
    `#!/bin/sh\nexport REVISION={revision}\nexport DB_PASSWORD=${PLANTED.ofUserData}\n`,
  );
  const said: string[] = [];
  const teal = async (code: number, ...words: readonly string[]): Promise<Ran> => {
    const ran = await shop.teal(...words);
    said.push(ran.out, ran.err);
    expect(ran.code, `${words.join(" ")}\n${ran.out}${ran.err}`).toBe(code);
    return ran;
  };
  await teal(0, "plan", "v1", "--json");
  await teal(0, "deploy", "v1", "-v", "--json");
  shop.configure({ health: wanting });
  const failed = await teal(4, "deploy", "v2", "-v");
  // What the candidate answered is shown, without what it gave away.
  expect(failed.out).toContain("[redacted]");
  await teal(0, "status", "--json", "-v");
  await teal(0, "history", "--json");
  await teal(0, "check");
  // The account no longer knows the secret that the pipeline has.
  shop.variables = { AWS_SECRET_ACCESS_KEY: PLANTED.ofAccessKey };
  simulator.principal({ ...caller, secretAccessKey: "another" });
  const stranger = await shop.teal("deploy", "v3", "-v");
  expect(stranger.code).not.toBe(0);
  expect(stranger.out + stranger.err).toContain("TEAL-A113");
  said.push(stranger.out, stranger.err);

  const journal = [...simulator.s3.objects("shop-teal").values()];
  expect(journal.join("\n")).toContain("[redacted]");
  said.push(...journal, ...filesBelow(join(folder, "state")));
  // Tags of the groups and target groups, descriptions of template versions: but not what machines are started with.
  for (const { action, input } of simulator.recorded)
    if (action.endsWith("Tags") || action.endsWith(":CreateRule")) said.push(JSON.stringify(input));
  const versions = simulator.recorded.filter(({ action }) => action.endsWith("CreateLaunchTemplateVersion"));
  expect(versions.length).toBeGreaterThan(0);
  expect(versions.map(({ input }) => (input as Record<string, string>)["VersionDescription"])).not.toContain(
    undefined,
  );
  said.push(...versions.map(({ input }) => String((input as Record<string, string>)["VersionDescription"])));
  expect(found(formsOf([...Object.values(PLANTED), userData]), said)).toEqual([]);
});

function filesBelow(folder: string): readonly string[] {
  // Where the bucket has the journal, nothing need be kept here.
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "latin1"));
}

/** As they are, in JSON, in JSON within JSON, and in base64. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
  return secrets.flatMap((secret) => [
    secret,
    inJson(secret),
    inJson(inJson(secret)),
    Buffer.from(secret).toString("base64"),
  ]);
}

function found(forms: readonly string[], texts: readonly string[]): readonly string[] {
  return forms.flatMap((form) =>
    texts
      .filter((text) => text.includes(form))
      .map(
        (text) => `${form} in ...${text.slice(Math.max(0, text.indexOf(form) - 200), text.indexOf(form))}`,
      ),
  );
}
