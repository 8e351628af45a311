import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { expect, test } from "vitest";
import { startSimulator } from "../simulator.ts";

test("a web identity becomes a session of a role, with the role's rights and an end", async () => {
  const role = {
    accessKeyId: "AKIAROLE",
    secretAccessKey: "s",
    arn: "arn:aws:iam::111122223333:role/deploy",
    policies: [{ Version: "2012-10-17", Statement: [] }],
  };
  const simulator = await startSimulator({ principals: [role] });
  const clients: STSClient[] = [];
  const as = (credentials: object) => {
    clients.push(
      new STSClient({
        region: simulator.region,
        endpoint: simulator.endpoint,
        maxAttempts: 1,
        ...credentials,
      }),
    );
    return clients.at(-1)!;
  };
  try {
    const assume = (RoleArn: string, DurationSeconds = 900) =>
      as({}).send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn,
          RoleSessionName: "run-1",
          WebIdentityToken: "token",
          DurationSeconds,
        }),
      );
    const before = Date.now();
    const { Credentials: given } = await assume(role.arn);
    expect(Math.abs(given!.Expiration!.getTime() - before - 900_000)).toBeLessThan(60_000);
    const session = as({
      credentials: {
        accessKeyId: given!.AccessKeyId!,
        secretAccessKey: given!.SecretAccessKey!,
        sessionToken: given!.SessionToken!,
      },
    });
    expect((await session.send(new GetCallerIdentityCommand({}))).Arn).toBe(
      "arn:aws:sts::111122223333:assumed-role/deploy/run-1",
    );
    await expect(assume("arn:aws:iam::111122223333:role/other")).rejects.toMatchObject({
      name: "AccessDenied",
    });
    await expect(assume(role.arn, 7_200)).rejects.toThrow("MaxSessionDuration");
  } finally {
    for (const client of clients) client.destroy();
    await simulator.stop();
  }
});
