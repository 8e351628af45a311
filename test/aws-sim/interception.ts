/* Somebody stands beside the endpoint: sees each call before it is carried out and again before it is answered. */

/** A call that was understood, and whose caller is known. */
export interface Met {
  /** `elasticloadbalancing:ModifyRule` */
  readonly action: string;
  /** ARN of the caller. */
  readonly principal: string;
  readonly mutating: boolean;
  readonly input: unknown;
}

/** `lost`: the connection breaks, and the caller learns nothing. */
export type Turn = "lost" | undefined;

export interface Interceptor {
  /** Lost here, the call is never carried out. */
  readonly before?: (call: Met) => Turn | Promise<Turn>;
  /** Lost here, it was carried out, or refused, and the caller does not learn of it. */
  readonly after?: (call: Met) => Turn | Promise<Turn>;
}

export interface Interception extends Required<Interceptor> {
  /** All of them meet every call, in the order in which they were added. Ends by the function that is returned. */
  add(interceptor: Interceptor): () => void;
}

export function createInterception(): Interception {
  const all = new Set<Interceptor>();
  const meet =
    (moment: "before" | "after") =>
    async (call: Met): Promise<Turn> => {
      let turn: Turn;
      for (const each of all) turn = (await each[moment]?.(call)) ?? turn;
      return turn;
    };
  return {
    add: (interceptor) => {
      all.add(interceptor);
      return () => void all.delete(interceptor);
    },
    before: meet("before"),
    after: meet("after"),
  };
}
