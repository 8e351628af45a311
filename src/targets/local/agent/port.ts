import { createServer, connect, type AddressInfo } from "node:net";

/** A loopback port that nothing listens on now and that no life in `taken` has. */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = await systemChosenPort();
    if (!taken.has(port)) return port;
  }
  throw new Error("no free port on 127.0.0.1 after 50 attempts");
}

function systemChosenPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Whether something accepts connections there within `atMost` ms. */
export function accepts(host: string, port: number, atMost: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(atMost, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
