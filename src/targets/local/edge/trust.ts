import { BlockList, isIP, isIPv6, type Socket } from "node:net";

const PEER = Symbol("peer");

/** The other end of a client connection. */
export interface Peer {
  readonly address: string;
  /** What it says about whom it forwards for is believed. */
  readonly trusted: boolean;
}

/** Tells who is on the other end, remembered on the connection. */
export type Peers = (socket: Socket) => Peer;

/** @param trusted addresses and CIDR ranges of proxies in front of the edge. */
export function peers(trusted: readonly string[]): Peers {
  const list = new BlockList();
  for (const entry of trusted) {
    const [address = "", prefix] = entry.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (isIP(address) === 0)
      throw new Error(`TEAL-E103 trustedProxies: ${JSON.stringify(entry)} is no address and no CIDR range`);
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (socket) => {
    const known = socket as Socket & { [PEER]?: Peer };
    return (known[PEER] ??= identify(socket, list));
  };
}

function identify(socket: Socket, list: BlockList): Peer {
  // A dual-stack listener shows IPv4 clients as ::ffff:192.0.2.1.
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
  const trusted = isIP(address) !== 0 && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  return { address, trusted };
}
