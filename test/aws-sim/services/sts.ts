import { randomBytes } from "node:crypto";
import type { Credentials } from "../iam/credentials.ts";
import { AwsError, type Input, type Operation, type Service, type World } from "../kernel.ts";
import type { Principal } from "../types.ts";

/** Who calls, and temporary credentials for those that a web identity (OIDC) vouches for. */
export function createSts(world: World, credentials?: Credentials): Service {
  return {
    name: "sts",
    protocol: "query",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    tagsOf: () => undefined,
    operations: {
      GetCallerIdentity: callerIdentity(world),
      ...(credentials !== undefined && { AssumeRoleWithWebIdentity: assumeByWeb(world, credentials) }),
    },
  };
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
function callerIdentity({ account }: World): Operation {
  return {
    action: "sts:GetCallerIdentity",
    mutating: false,
    resources: () => ["*"],
    handle: (_input, { principal }) => ({
      UserId: `AIDA${principal
        .replaceAll(/[^A-Za-z0-9]/g, "")
        .slice(-16)
        .toUpperCase()}`,
      Account: account,
      Arn: principal,
    }),
  };
}

/**
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: called without credentials; a role is a
 * principal of this world with that ARN, and what it may the session may. Any token that is not empty is believed: assumed.
 */
function assumeByWeb(world: World, credentials: Credentials): Operation {
  return {
    action: "sts:AssumeRoleWithWebIdentity",
    mutating: false,
    anonymous: true,
    resources: (input) => [text(input, "RoleArn")],
    handle: (input) => {
      const role = credentials.byArn(text(input, "RoleArn"));
      if (role === undefined) {
        throw new AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403);
      }
      if (text(input, "WebIdentityToken") === "") {
        throw new AwsError("InvalidIdentityToken", "The web identity token is empty");
      }
      const seconds = Number(input["DurationSeconds"] ?? 3_600);
      // "from 900 seconds (15 minutes) up to the maximum session duration set for the role", which is an hour here
      if (!(seconds >= 900 && seconds <= 3_600)) {
        throw new AwsError(
          "ValidationError",
          "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        );
      }
      const session = newSession(world, role, text(input, "RoleSessionName"), seconds);
      credentials.put(session);
      return {
        Credentials: {
          AccessKeyId: session.accessKeyId,
          SecretAccessKey: session.secretAccessKey,
          SessionToken: session.sessionToken,
          Expiration: new Date(session.expires),
        },
        AssumedRoleUser: { AssumedRoleId: `AROA:${text(input, "RoleSessionName")}`, Arn: session.arn },
      };
    },
  };
}

function newSession({ account }: World, role: Principal, name: string, seconds: number) {
  return {
    accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(20).toString("hex"),
    sessionToken: randomBytes(40).toString("base64"),
    arn: `arn:aws:sts::${account}:assumed-role/${role.arn.split("/").at(-1)}/${name}`,
    ...(role.policies !== undefined && { policies: role.policies }),
    expires: Date.now() + seconds * 1_000,
  } satisfies Principal;
}

function text(input: Input, name: string): string {
  const value = input[name];
  return typeof value === "string" ? value : "";
}
