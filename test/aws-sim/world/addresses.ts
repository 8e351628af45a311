import { createServer, type Server } from "node:net";

/** The whole of 127.0.0.0/8 is loopback; these second numbers are the simulators', one each. */
const FIRST = 64;
const LAST = 126;
/** Whoever listens here owns the 65,000 addresses around it. */
const CLAIM_PORT = 47_566;

export interface Addresses {
  /** One that was never given before. */
  next(): string;
  release(): Promise<void>;
}

/** Claims a block of loopback addresses that no other simulator on this machine uses. */
export async function claimAddresses(): Promise<Addresses> {
  // Starting at a place that differs by process makes a collision rare; the claim makes it harmless.
  const spread = LAST - FIRST + 1;
  for (let attempt = 0; attempt < spread; attempt += 1) {
    const block = FIRST + ((process.pid + attempt) % spread);
    const claim = await claimed(`127.${block}.255.254`);
    if (claim !== undefined) return within(block, claim);
  }
  throw new Error(`all ${spread} blocks of loopback addresses are taken by other simulators: stop some`);
}

function within(block: number, claim: Server): Addresses {
  let given = 0;
  return {
    next: () => {
      given += 1;
      // 254 addresses in each of 254 rows; .0 and .255 are left out because some tools take them for networks.
      const row = Math.floor((given - 1) / 254);
      if (row > 253) throw new Error("this simulator has used up its loopback addresses: start another one");
      return `127.${block}.${row}.${1 + ((given - 1) % 254)}`;
    },
    release: () => new Promise((resolve) => claim.close(() => resolve())),
  };
}

function claimed(host: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen({ port: CLAIM_PORT, host, exclusive: true }, () => resolve(server));
  });
}
