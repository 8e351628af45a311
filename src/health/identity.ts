import type { Identity } from "../core/checks.ts";
import { assertNever, type Revision } from "../core/units.ts";
import type { Reach } from "../ports/slots.ts";
import { ownsPort } from "./listener.ts";

/** Whether the candidate itself answered. */
export type Proof =
  | { readonly is: "proven" }
  | { readonly is: "wrong"; readonly expected: string; readonly actual: string }
  | { readonly is: "unknown"; readonly why: string };

/**
 * Asked after an answer that would otherwise pass.
 * @param port the port that answered.
 * @param headers of the answer, lower-case names; absent when the answer has none (TCP).
 */
export async function prove(
  identity: Identity,
  of: { readonly reach: Reach; readonly revision: Revision; readonly port: number },
  headers?: Readonly<Record<string, string>>,
): Promise<Proof> {
  switch (identity.by) {
    case "address":
      return { is: "proven" };
    case "header":
      return byHeader(identity.header, of.revision, headers);
    case "process":
      return byProcess(of.reach, of.port);
    default:
      return assertNever(identity);
  }
}

function byHeader(
  header: string,
  revision: Revision,
  headers: Readonly<Record<string, string>> | undefined,
): Proof {
  if (headers === undefined) {
    return {
      is: "unknown",
      why: `identity cannot be proven: only an HTTP answer carries the header ${header}`,
    };
  }
  const value = headers[header.toLowerCase()];
  if (value === revision.id) return { is: "proven" };
  return {
    is: "wrong",
    expected: `header ${header} to name the candidate "${revision.id}"`,
    actual: value === undefined ? "no such header" : `"${value}"`,
  };
}

async function byProcess(reach: Reach, port: number): Promise<Proof> {
  if (reach.group === undefined) {
    return {
      is: "unknown",
      why: "identity cannot be proven: the target does not tell the replica's process group",
    };
  }
  const ownership = await ownsPort(reach.group, port, reach.host);
  switch (ownership.is) {
    case "yes":
      return { is: "proven" };
    case "unknown":
      return { is: "unknown", why: `identity cannot be proven: ${ownership.why}` };
    case "no":
      return {
        is: "wrong",
        expected: `a process of ${reach.replica} (group ${reach.group}) on port ${port}`,
        actual: ownership.pids.length === 0 ? "another process" : `pid ${ownership.pids.join(", ")}`,
      };
    default:
      return assertNever(ownership);
  }
}
