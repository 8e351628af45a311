/** What a request is about, in the words of roles and people: `patch`, `deployments`, `shop-blue`. */
export interface RequestInfo {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`: as roles name it. */
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  /** Empty when the path is none of an object: `/version`. */
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * Reads a request's path as the API server does (its `RequestInfo`).
 * @param path with or without a query.
 */
export function requestInfo(method: string, path: string): RequestInfo {
  const [route = "", query = ""] = path.split("?", 2);
  const [root, ...parts] = route
    .split("/")
    .filter((part) => part !== "")
    .map(decodeURIComponent);
  const core = root === "api";
  const rest = parts.slice(core ? 1 : 2);
  if ((!core && root !== "apis") || rest.length === 0) {
    return { verb: method.toLowerCase(), group: "", resource: "" };
  }
  const namespaced = rest[0] === "namespaces" && rest.length > 2;
  const [resource = "", name, subresource] = namespaced ? rest.slice(2) : rest;
  return {
    verb: verbOf(method, name !== undefined, new URLSearchParams(query).get("watch")),
    group: core ? "" : (parts[0] ?? ""),
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespaced && rest[1] !== undefined ? { namespace: rest[1] } : {}),
    ...(name === undefined ? {} : { name }),
  };
}

function verbOf(method: string, named: boolean, watch: string | null): string {
  switch (method) {
    case "GET":
      if (watch === "1" || watch === "true") return "watch";
      return named ? "get" : "list";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "DELETE":
      return named ? "delete" : "deletecollection";
    default:
      return method.toLowerCase();
  }
}

/** `patch deployments shop-blue`, `list pods`, `create pods/eviction shop-1`. */
export function describeRequest({ verb, resource, subresource, name }: RequestInfo, path: string): string {
  if (resource === "") return `${verb} ${path.split("?", 1)[0]}`;
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  return [verb, what, name].filter((part) => part !== undefined).join(" ");
}
