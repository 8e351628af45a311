import type { Action } from "../model.ts";
import type { Asked } from "./compile.ts";
import { cookie } from "./cookies.ts";

/* What a load balancer answers by itself. */

export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TITLES: Readonly<Record<number, string>> = {
  401: "Authorization Required",
  502: "Bad Gateway",
  503: "Service Temporarily Unavailable",
  504: "Gateway Time-out",
};

/** Guide, "Troubleshoot": which error is which; the page is as AWS's nodes send it. */
export function errorPage(status: 401 | 502 | 503 | 504): OwnAnswer {
  const title = `${status} ${TITLES[status]}`;
  return {
    status,
    headers: { "content-type": "text/html" },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
  };
}

/** Guide, "Fixed-response actions". */
export function fixed({ FixedResponseConfig: config }: Action): OwnAnswer {
  return {
    status: Number(config!.StatusCode),
    headers: { "content-type": config!.ContentType ?? "text/plain" },
    body: config!.MessageBody ?? "",
  };
}

/** Guide, "Redirect actions": `#{protocol}`, `#{host}`, `#{port}`, `#{path}` (without its first slash) and `#{query}`. */
export function redirect(
  { RedirectConfig: config }: Action,
  asked: Asked,
  at: { readonly protocol: string; readonly port: number },
): OwnAnswer {
  const words: Readonly<Record<string, string>> = {
    protocol: at.protocol,
    host: asked.host,
    port: `${at.port}`,
    path: asked.path.slice(1),
    query: asked.query,
  };
  const { Protocol, Host, Port, Path, Query, StatusCode } = config!;
  const fill = (text: string) =>
    text.replace(/#\{(protocol|host|port|path|query)\}/g, (_, word: string) => words[word]!);
  const query = fill(Query);
  const location = `${fill(Protocol).toLowerCase()}://${fill(Host)}:${fill(Port)}${fill(Path)}`;
  return {
    status: StatusCode === "HTTP_301" ? 301 : 302,
    headers: { location: query === "" ? location : `${location}?${query}`, "content-type": "text/html" },
    body: "",
  };
}

/**
 * Guide, "Authenticate users": a request without the session cookie is treated as OnUnauthenticatedRequest says. Nobody
 * logs in in this world: whoever sends a session cookie counts as logged in.
 */
export function unauthenticated(action: Action, asked: Asked): OwnAnswer | undefined {
  const config = action.AuthenticateOidcConfig ?? action.AuthenticateCognitoConfig ?? {};
  const word = (member: string, standard = "") => {
    const value = config[member];
    return typeof value === "string" ? value : standard;
  };
  const name = word("SessionCookieName", "AWSELBAuthSessionCookie");
  const header = [asked.headers["cookie"] ?? []].flat().join("; ");
  const logged = cookie(header, `${name}-0`) ?? cookie(header, name);
  if (logged !== undefined || config["OnUnauthenticatedRequest"] === "allow") return undefined;
  if (config["OnUnauthenticatedRequest"] === "deny") return errorPage(401);
  const provider = word("AuthorizationEndpoint", `https://${word("UserPoolDomain")}/oauth2/authorize`);
  const location = new URL(provider);
  location.searchParams.set("client_id", word("ClientId", word("UserPoolClientId")));
  location.searchParams.set("response_type", "code");
  location.searchParams.set("scope", word("Scope", "openid"));
  return { status: 302, headers: { location: location.href }, body: "" };
}
