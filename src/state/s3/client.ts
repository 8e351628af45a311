import type { S3Client } from "@aws-sdk/client-s3";

/** How the bucket is reached; what is left out the SDK finds out by itself. */
export interface S3Access {
  readonly region?: string;
  /** Another server than Amazon's; the bucket is then a part of the path. */
  readonly endpoint?: string;
  readonly profile?: string;
}

/** A client that tries once: what is tried again, and when, is the store's decision. Loads the SDK. */
export async function connectS3({ region, endpoint, profile }: S3Access): Promise<S3Client> {
  const { S3Client } = await import("@aws-sdk/client-s3");
  return new S3Client({
    maxAttempts: 1,
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(profile !== undefined && { profile }),
  });
}
