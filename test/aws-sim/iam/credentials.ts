import { failure } from "../protocol/failures.ts";
import type { HttpRequest } from "../protocol/protocol.ts";
import type { Principal } from "../types.ts";
import { verifies, type Signed } from "./signature.ts";

/** The world's principals by their access keys. */
export interface Credentials {
  /** Adds one, or takes the place of the one with the same key. */
  put(principal: Principal): void;
  first(): Principal;
  find(accessKeyId: string): Principal | undefined;
  byArn(arn: string): Principal | undefined;
  /** Some session of the role, whose rights are the role's. */
  sessionOf(account: string, role: string): Principal | undefined;
  /** Who signed; throws what the service answers to a stranger. */
  authenticate(request: HttpRequest, signed: Signed): Principal;
}

export function createCredentials(): Credentials {
  const known = new Map<string, Principal>();
  return {
    put: (principal) => known.set(principal.accessKeyId, principal),
    first: () => known.values().next().value!,
    find: (accessKeyId) => known.get(accessKeyId),
    byArn: (arn) => [...known.values()].find((principal) => principal.arn === arn),
    sessionOf: (account, role) =>
      [...known.values()].find(({ arn }) =>
        arn.startsWith(`arn:aws:sts::${account}:assumed-role/${role.split("/").at(-1)}/`),
      ),
    authenticate: (request, signed) => {
      const principal = known.get(signed.accessKeyId);
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_use-resources.html: temporary keys need their token.
      if (principal === undefined || principal.sessionToken !== request.headers["x-amz-security-token"]) {
        throw failure("unknownKey", signed.service);
      }
      if (!verifies(request, signed, principal.secretAccessKey)) throw failure("signature", signed.service);
      if (principal.expires !== undefined && Date.now() >= principal.expires)
        throw failure("expired", signed.service);
      return principal;
    },
  };
}
