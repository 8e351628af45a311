import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Cause } from "../../core/units.ts";
import type { AwsApi } from "../../targets/aws/api/api.ts";
import type { Surroundings } from "../../targets/aws/init/look-first.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import type { Out } from "../out.ts";
import { outOf } from "../session.ts";
import { flag, text, type Invocation } from "../spec.ts";

/** Looking around takes a few dozen requests (ms). */
const LOOK_AT_MOST = 60_000;
const USAGE = "teal init --from LOAD-BALANCER:PORT [--host NAME] [--region REGION] [--profile NAME]";

/** Looks at what runs behind a listener and writes what a deployment to it needs. Changes nothing, overwrites nothing. */
export async function run(invocation: Invocation, listener: string): Promise<ExitCode> {
  const out = outOf(invocation);
  const state = text(invocation, "state");
  if (state !== undefined && !/^s3:\/\/[^/\s]+(?:\/[^\s/]+)*\/?$/u.test(state)) {
    const message = `--state ${state}: a bucket is named as s3://BUCKET/PREFIX`;
    return refused(out, { code: "TEAL-A505", message }, USAGE, EXIT.usage);
  }
  const connected = await connect(invocation);
  if ("cause" in connected) return refused(out, connected.cause, connected.next, EXIT.usage);
  const { api, account } = connected;
  try {
    const { lookFirst } = await import("../../targets/aws/init/look-first.ts");
    const asked = askedFor(invocation, listener);
    const call = { signal: AbortSignal.timeout(LOOK_AT_MOST), purse: "plan" } as const;
    const looked = await lookFirst(api, account, asked, call);
    if (looked.is === "refused") return refused(out, looked.cause, looked.next, EXIT.refused);
    const { surroundings } = looked;
    const { filesFor } = await import("../../targets/aws/init/files.ts");
    const files = filesFor(invocation.globals.config ?? "teal.yaml", surroundings, asked);
    out.text([`Found in ${account}/${api.region}:`, ...surroundings.found.map((line) => `  ${line}`), ""]);
    return flag(invocation, "print")
      ? print(out, surroundings, files)
      : await write(out, surroundings, files);
  } finally {
    await api.close();
  }
}

function askedFor(invocation: Invocation, listener: string) {
  const option = (name: string) => {
    const value = text(invocation, name);
    return value === undefined ? {} : { [name]: value };
  };
  const [name = ""] = (text(invocation, "host") ?? listener.split(":")[0] ?? "").split(".");
  const service = invocation.globals.service ?? (listener.startsWith("arn:") ? "web" : serviceOf(name));
  return {
    service,
    listener,
    ...(option("host") as { host?: string }),
    ...(option("path") as { path?: string }),
    ...(option("state") as { state?: string }),
    ...(option("publish") as { publish?: string }),
  };
}

/** `shop` of `shop.example` and of `shop-alb`. */
function serviceOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/-(?:alb|lb|elb)$/u, "")
    .replaceAll(/[^a-z0-9-]/gu, "-");
}

/** The account is the one asked for, else the one that the credentials are of. */
async function connect(
  invocation: Invocation,
): Promise<
  { readonly api: AwsApi; readonly account: string } | { readonly cause: Cause; readonly next: string }
> {
  const { connectAws } = await import("../../targets/aws/api/connect.ts");
  const { region } = invocation.globals;
  const profile = text(invocation, "profile");
  const access = {
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
  };
  const given = text(invocation, "account");
  const first = await connectAws({ account: given ?? "", ...access });
  if (first.is === "failed") return { cause: first.cause, next: `${USAGE}, or set AWS_REGION` };
  if (given !== undefined) return { api: first.api, account: given };
  try {
    const caller = await first.api.caller(AbortSignal.timeout(LOOK_AT_MOST));
    if (caller.is === "failed")
      return { cause: caller.cause, next: "correct the credentials, then run the command again" };
    const { account } = caller.value;
    const own = await connectAws({ account, ...access });
    return own.is === "failed" ? { cause: own.cause, next: USAGE } : { api: own.api, account };
  } finally {
    await first.api.close();
  }
}

interface File {
  readonly path: string;
  readonly content: string;
}

function print(out: Out, surroundings: Surroundings, files: readonly File[]): ExitCode {
  for (const { path, content } of files) out.text([`# ${path}`, content]);
  const { found } = surroundings;
  return out.result({ command: "init", exit: EXIT.done, is: "printed", surroundings: { found }, files });
}

async function write(out: Out, { found }: Surroundings, files: readonly File[]): Promise<ExitCode> {
  const there = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (there.length > 0) {
    const message = `${there.join(", ")} ${there.length === 1 ? "is" : "are"} there already; nothing was written`;
    return refused(
      out,
      { code: "TEAL-A504", message },
      "remove or rename what is there, or add --print to look",
      EXIT.usage,
    );
  }
  for (const { path, content } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { flag: "wx" });
  }
  const written = files.map(({ path }) => path);
  out.text([
    `Written: ${written.join(", ")}.`,
    "Next: terraform plan (read it: nothing but what is missing may be made), terraform apply, then teal plan REVISION",
  ]);
  return out.result({
    command: "init",
    exit: EXIT.done,
    is: "written",
    surroundings: { found },
    files: written,
  });
}

function refused(out: Out, cause: Cause, next: string, exit: ExitCode): ExitCode {
  out.problem(cause, { exit, next });
  return out.result({ command: "init", exit, is: "refused", cause, next });
}
