import type { Json } from "../kubelet/client.ts";

export interface Said {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message?: string;
}

export function yes(type: string, reason = type): Said {
  return { type, status: "True", reason };
}

export function no(type: string, reason: string, message = ""): Said {
  return { type, status: "False", reason, message };
}

/** Conditions as a status has them; the time of one that says the same as before stays. */
export function conditions(said: readonly Said[], generation: number, before: readonly Json[] = []): Json[] {
  return said.map((each) => {
    const last = before.find(({ type, status }) => type === each.type && status === each.status);
    return {
      ...each,
      message: each.message ?? "",
      observedGeneration: generation,
      lastTransitionTime: last?.lastTransitionTime ?? new Date().toISOString(),
    };
  });
}
