import { serveServices, type ControlPlane } from "./control-plane.ts";
import type { Service, World } from "./kernel.ts";
import { clientConfig, type ClientConfig } from "./sdk.ts";
import type { Principal, SimulatorOptions } from "./types.ts";
import { openWorld, type OpenWorld } from "./world/world.ts";

/** A world with some services only, for tests of what lies before the services. */
export interface SmallWorld extends OpenWorld {
  readonly plane: ControlPlane;
  /** Makes a client of the unmodified SDK; it is destroyed with the world. */
  client<T extends { destroy(): void }>(make: new (config: ClientConfig) => T, accessKeyId?: string): T;
  /** Adds a principal with these statements; its access key. */
  allowed(...statements: object[]): string;
  stop(): Promise<void>;
}

export async function smallWorld(
  services: (world: World) => readonly Service[],
  options: SimulatorOptions = {},
): Promise<SmallWorld> {
  const opened = await openWorld(options);
  const plane = await serveServices(opened, services(opened.world), options);
  const clients: { destroy(): void }[] = [];
  let principals = 0;
  return {
    ...opened,
    plane,
    client: (make, accessKeyId) => {
      const client = new make(clientConfig(plane.environment(accessKeyId)));
      clients.push(client);
      return client;
    },
    allowed: (...statements) => {
      principals += 1;
      const principal: Principal = {
        accessKeyId: `AKIALIMITED${principals}`,
        secretAccessKey: `secret-${principals}`,
        arn: `arn:aws:iam::${opened.world.account}:role/limited-${principals}`,
        policies: [{ Version: "2012-10-17", Statement: statements }],
      };
      plane.principal(principal);
      return principal.accessKeyId;
    },
    stop: async () => {
      for (const client of clients) client.destroy();
      await plane.stop();
      await opened.close();
    },
  };
}
