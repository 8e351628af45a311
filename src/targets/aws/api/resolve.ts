import type { Cause } from "../../../core/units.ts";
import type { Environment } from "./credentials.ts";

/** All addresses that a name has now, or why none is known. */
export type AddressesOf = (name: string, signal: AbortSignal) => Promise<readonly string[] | Cause>;

/**
 * Asks the servers of the system, or the one in TEAL_NAME_SERVER (`host:port`). A load balancer's name has an address of
 * every node that gets traffic, up to eight of them in one answer, for 60 s. IPv6 only where there is no IPv4: a machine
 * without it would take every such node for silent.
 */
export function addressesFrom(environment: Environment = process.env): AddressesOf {
  const server = environment["TEAL_NAME_SERVER"];
  return async (name, signal) => {
    // Not in the imports of every command: only some ask.
    const { Resolver } = process.getBuiltinModule("node:dns").promises;
    const resolver = new Resolver({ timeout: 1_000, tries: 2 });
    if (server !== undefined && server !== "") resolver.setServers([server]);
    if (signal.aborted) return unresolved(name, "given up");
    const cancel = () => resolver.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const four = await asked(() => resolver.resolve4(name));
      if (four.addresses.length > 0) return four.addresses;
      if (signal.aborted) return unresolved(name, "given up");
      const six = await asked(() => resolver.resolve6(name));
      return six.addresses.length > 0 ? six.addresses : unresolved(name, four.why ?? "no address");
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  };
}

async function asked(
  ask: () => Promise<string[]>,
): Promise<{ readonly addresses: readonly string[]; readonly why?: string }> {
  try {
    return { addresses: (await ask()).toSorted() };
  } catch (error) {
    return { addresses: [], why: (error as { code?: string }).code ?? String(error) };
  }
}

function unresolved(name: string, why: string): Cause {
  return { code: "TEAL-A115", message: `the addresses of ${name} are not known: ${why}` };
}
