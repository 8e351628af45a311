import { createRedactor } from "../../../core/redact.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Pod, Secret } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { referencesOf } from "../template/references.ts";

/** Variables whose value is written into the template although it is a secret. Others hold ports and words of every day. */
const TELLING = /pass|pwd|secret|token|key|credential|dsn/iu;

/** Hides secrets in a line; or the name of a Secret that could not be read, so that nobody knows what to hide. */
export type Hiding =
  | { readonly is: "known"; readonly hide: (line: string) => string }
  | { readonly is: "unknown"; readonly secret: string };

/**
 * What a pod writes when it fails goes into journals and onto screens, and it may write what it was given in
 * confidence. Its Secrets are read only then, and kept nowhere.
 */
export async function hidingFor(api: Api, { spec }: Pod, call: CallBy): Promise<Hiding> {
  const named = referencesOf(spec).filter(({ kind }) => kind === "Secret");
  const values = variablesOf(spec);
  for (const name of new Set(named.map((each) => each.name))) {
    const answer = await api.get<Secret>(paths.secrets(api.namespace, name), call);
    if (answer.is === "ok") values.push(...contentsOf(answer.value));
    else if (answer.is !== "absent") return { is: "unknown", secret: name };
  }
  return { is: "known", hide: createRedactor(values) };
}

function contentsOf({ data = {} }: Secret): readonly string[] {
  return Object.values(data).map((value) => Buffer.from(value, "base64").toString());
}

function variablesOf({ containers, initContainers = [] }: Pod["spec"]): string[] {
  return [...initContainers, ...containers]
    .flatMap(({ env = [] }) => env)
    .flatMap(({ name, value }) =>
      typeof name === "string" && typeof value === "string" && TELLING.test(name) ? [value] : [],
    );
}
