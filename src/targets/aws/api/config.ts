/** What every client is made with; the SDK's own retries are off, see send.ts. */
export interface ClientConfig {
  readonly region: string;
  readonly endpoint?: string;
  readonly profile?: string;
  readonly maxAttempts: 1;
  readonly requestHandler: { readonly connectionTimeout: number };
}

/** The first caller makes it, all get it; a failure is not kept. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
