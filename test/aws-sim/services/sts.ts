import type { Service, World } from "../kernel.ts";

/* https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */

export function createSts({ account }: World): Service {
  return {
    name: "sts",
    protocol: "query",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    tagsOf: () => undefined,
    operations: {
      GetCallerIdentity: {
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
      },
    },
  };
}
