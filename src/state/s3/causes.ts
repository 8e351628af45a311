import type { Cause } from "../../core/units.ts";

/** A place is `s3://bucket/prefix`. What every message says first is what could not be used. */

export function noBucket(place: string, bucket: string): Cause {
  return {
    code: "TEAL-A401",
    message:
      `${place}: there is no bucket ${bucket}. Create it (aws s3api create-bucket --bucket ${bucket}), or name ` +
      "another one in target.aws.state.",
  };
}

export function wrongRegion(place: string, region: string | undefined): Cause {
  const where = region === undefined ? "another region than the one that is used" : `the region ${region}`;
  return {
    code: "TEAL-A402",
    message:
      `${place}: the bucket lies in ${where}. State and load balancer must be in one region: use a bucket of the ` +
      "service's region, or check AWS_REGION.",
  };
}

/** @param action what was refused, as policies name it. */
export function denied(place: string, action: string, key: string, said: string): Cause {
  // S3 answers so for an object that is not there to whoever may not list the bucket.
  const also = action === "s3:GetObject" ? " (or s3:ListBucket on the bucket, if nothing is there yet)" : "";
  return {
    code: "TEAL-A403",
    message:
      `${place}: the credentials may not ${action} ${key}${also}: ${said}. Allow it in the policy of whoever deploys ` +
      "(teal init writes one), and in the bucket's.",
  };
}

export function credentials(place: string, said: string): Cause {
  return {
    code: "TEAL-A404",
    message: `${place}: no valid credentials: ${said}. Sign in again, or check the environment and the profile.`,
  };
}

export function noAnswer(place: string, what: string, said: string): Cause {
  return {
    code: "TEAL-A405",
    message: `${place}: no answer to ${what}: ${said}. Check the network, then run the command again.`,
  };
}

export function overloaded(place: string, what: string, code: string): Cause {
  return {
    code: "TEAL-A406",
    message: `${place}: S3 could not ${what} for the time being (${code}). Run the command again.`,
  };
}

export function refused(place: string, what: string, code: string, said: string): Cause {
  return {
    code: "TEAL-A407",
    message: `${place}: S3 refused ${what}: ${code}: ${said}. Traffic is not touched. Correct that, then run: teal status`,
  };
}

/** Some stores that speak the S3 protocol do not know conditions. */
export function noConditions(place: string): Cause {
  return {
    code: "TEAL-A408",
    message:
      `${place}: this store does not carry out conditional writes (If-None-Match, If-Match), so it cannot keep two ` +
      "deployments apart. Use Amazon S3, or leave target.aws.state out and deploy from one machine.",
  };
}

export function tooBusy(place: string, key: string): Cause {
  return {
    code: "TEAL-A409",
    message: `${place}: others keep changing ${key}, so that nothing could be written in time. Run the command again.`,
  };
}

export function damaged(place: string, key: string, what: string): Cause {
  return {
    code: "TEAL-A410",
    message:
      `${place}: the object ${key} is damaged: ${what}. Traffic is not touched. Restore an earlier version, or delete ` +
      "it (the history starts anew), then run: teal status",
  };
}

export function writtenByLater(place: string, key: string, found: number, known: number): Cause {
  return {
    code: "TEAL-A411",
    message:
      `${place}: ${key} was written by a later Teal (format ${found}, this one knows up to ${known}). ` +
      "Run that version, or a later one.",
  };
}

export function chunkMissing(place: string, key: string): Cause {
  return {
    code: "TEAL-A412",
    message:
      `${place}: a part of the journal is missing, the object ${key}: somebody removed it, or a lifecycle rule of the ` +
      "bucket did. Traffic is not touched. Restore it and run: teal resume",
  };
}
