/** What a client of the unmodified SDK is told to talk to a simulated world: one attempt, so that nothing is hidden. */
export function clientConfig(environment: Readonly<Record<string, string>>): ClientConfig {
  const token = environment["AWS_SESSION_TOKEN"];
  return {
    region: environment["AWS_REGION"]!,
    endpoint: environment["AWS_ENDPOINT_URL"]!,
    maxAttempts: 1,
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"]!,
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"]!,
      ...(token !== undefined && { sessionToken: token }),
    },
  };
}

export interface ClientConfig {
  readonly region: string;
  readonly endpoint: string;
  readonly maxAttempts: number;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}
