import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/* Stickiness cookies: what they say is known to the load balancer alone. */

/** Guide, "Sticky sessions": the names are reserved for the load balancer, the content is encrypted with its own key. */
export const TARGET_COOKIE = "AWSALB";
export const TARGET_COOKIE_CORS = "AWSALBCORS";
export const GROUP_COOKIE = "AWSALBTG";
export const GROUP_COOKIE_CORS = "AWSALBTGCORS";

/** `until`: end in ms of the world. */
export interface Sticky {
  readonly to: string;
  readonly until: number;
}

export interface Cookies {
  seal(sticky: Sticky): string;
  /** `undefined` for what was not sealed here or has ended. */
  open(content: string, now: number): Sticky | undefined;
}

const KEPT = 10_000;

export function createCookies(): Cookies {
  const key = randomBytes(16);
  const opened = new Map<string, Sticky | undefined>();
  return {
    seal: ({ to, until }) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-128-gcm", key, nonce);
      const body = Buffer.concat([cipher.update(`${until} ${to}`), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    open: (content, now) => {
      if (!opened.has(content)) {
        if (opened.size >= KEPT) opened.clear();
        opened.set(content, unsealed(key, content));
      }
      const sticky = opened.get(content);
      return sticky !== undefined && sticky.until > now ? sticky : undefined;
    },
  };
}

function unsealed(key: Buffer, content: string): Sticky | undefined {
  const bytes = Buffer.from(content, "base64url");
  if (bytes.length < 29) return undefined;
  try {
    const decipher = createDecipheriv("aes-128-gcm", key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    const text = `${decipher.update(bytes.subarray(28), undefined, "utf8")}${decipher.final("utf8")}`;
    const space = text.indexOf(" ");
    return { until: Number(text.slice(0, space)), to: text.slice(space + 1) };
  } catch {
    // Sealed by somebody else, or changed on the way: the request is routed as if it had no cookie.
    return undefined;
  }
}

/** The cookie of that name in a `Cookie` header. */
export function cookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined;
  for (const part of header.split(";")) {
    const equals = part.indexOf("=");
    if (part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}

/** Both forms of a cookie: the second may be sent in requests from other sites (guide, "Sticky sessions", CORS). */
export function setCookies(names: readonly [string, string], value: string, until: number): string[] {
  const rest = `Expires=${new Date(until).toUTCString()}; Path=/`;
  return [`${names[0]}=${value}; ${rest}`, `${names[1]}=${value}; ${rest}; SameSite=None; Secure`];
}
