import type { RuleCondition } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { RuleView } from "./view.ts";

/** A request that a rule matches, as a client without cookies would make it. */
export interface Question {
  readonly port: number;
  /** Over TLS, with the host as server name. */
  readonly tls: boolean;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The question with which the rule's target group is asked who it is; or why none can be asked from here.
 * @param path what is asked of a rule without a path condition.
 */
export function questionFor(
  { found, rule, actions }: Pick<RuleView, "found" | "rule" | "actions">,
  path: string,
): Question | { readonly why: string } {
  const first = actions.toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0))[0];
  if (first?.Type !== "forward") return { why: `${found.name} asks for a login first` };
  const { listener } = found;
  const asked = {
    port: listener.port,
    tls: listener.protocol === "HTTPS",
    host: listener.loadBalancer.dnsName,
    method: "GET",
    path,
    headers: {} as Record<string, string>,
  };
  const query: string[] = [];
  for (const condition of rule.Conditions ?? []) {
    const values = valuesOf(condition);
    const value = values[0] ?? "";
    switch (condition.Field) {
      case "host-header":
        asked.host = literal(value);
        break;
      case "path-pattern":
        if (!values.some((pattern) => matches(pattern, path))) asked.path = literal(value);
        break;
      case "http-header":
        asked.headers[(condition.HttpHeaderConfig?.HttpHeaderName ?? "").toLowerCase()] = literal(value);
        break;
      case "http-request-method":
        if (!values.includes("GET")) return { why: `${found.name} takes only ${values.join(", ")}` };
        break;
      case "query-string": {
        const { Key, Value = "" } = condition.QueryStringConfig?.Values?.[0] ?? {};
        query.push(`${encodeURIComponent(Key ?? "teal")}=${encodeURIComponent(literal(Value))}`);
        break;
      }
      case undefined:
      default:
        return { why: `${found.name} has a condition ${condition.Field ?? ""} that cannot be met from here` };
    }
  }
  const joined = asked.path.includes("?") ? "&" : "?";
  return query.length === 0 ? asked : { ...asked, path: `${asked.path}${joined}${query.join("&")}` };
}

/** A value of a condition: older answers have them in `Values`. */
function valuesOf(condition: RuleCondition): readonly string[] {
  return (
    condition.HostHeaderConfig?.Values ??
    condition.PathPatternConfig?.Values ??
    condition.HttpHeaderConfig?.Values ??
    condition.HttpRequestMethodConfig?.Values ??
    condition.Values ??
    []
  );
}

/** Something that the pattern matches: `*` any characters, `?` exactly one (ALB guide, "Condition types for rules"). */
function literal(pattern: string): string {
  return pattern.startsWith("*.")
    ? `teal${pattern.slice(1).replaceAll("*", "").replaceAll("?", "x")}`
    : pattern.replaceAll("*", "").replaceAll("?", "x");
}

function matches(pattern: string, path: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "su").test(path.split("?")[0] ?? "");
}
