import http, { type IncomingMessage, type RequestListener, type Server } from "node:http";
import { once } from "node:events";
import type { AwsError, Machines, World } from "../kernel.ts";
import { openWorld } from "../world/world.ts";
import { createElb, type ElbOptions, type ElbWorld } from "./service.ts";

/* A load balancer and machines behind it, for tests of the simulator's Elastic Load Balancing alone. */

export interface Machine {
  readonly id: string;
  readonly host: string;
  /** Requests besides health checks. */
  requests: number;
  readonly seen: IncomingMessage[];
  /** Status of the answer to a health check. */
  health: number;
  /** What the instance's lifecycle says. */
  state: string;
  answer: RequestListener;
  readonly server: Server;
  /** Open WebSockets and requests end at once. */
  stop(): Promise<void>;
}

export interface Stage {
  readonly world: World;
  readonly elb: ElbWorld;
  /** An operation by name, as the protocol would call it. */
  readonly call: <T = Answered>(operation: string, input: unknown) => T;
  /** The wire code with which an operation is refused. */
  refusal(operation: string, input: unknown): string;
  machine(id: string): Promise<Machine>;
  /** Asks until the answer fits; the test's own deadline ends it. */
  until(fits: () => boolean): Promise<void>;
  close(): Promise<void>;
}

export const MACHINE_PORT = 8080;

/** Members that tests look at, of any operation. */
export interface Answered {
  readonly LoadBalancers: readonly { LoadBalancerArn: string; DNSName: string; State: { Code: string } }[];
  readonly Listeners: readonly { ListenerArn: string; Port: number; DefaultActions: readonly Forwarded[] }[];
  readonly Rules: readonly {
    RuleArn: string;
    Priority: string;
    IsDefault: boolean;
    Actions: readonly Forwarded[];
  }[];
  readonly TargetGroups: readonly {
    TargetGroupArn: string;
    TargetGroupName: string;
    LoadBalancerArns: string[];
  }[];
  readonly TargetHealthDescriptions: readonly {
    Target: { Id: string; Port: number };
    TargetHealth: { State: string; Reason?: string; Description?: string };
  }[];
  readonly TagDescriptions: readonly {
    ResourceArn: string;
    Tags: readonly { Key: string; Value: string }[];
  }[];
  readonly NextMarker?: string;
}

export interface Forwarded {
  readonly Type: string;
  readonly TargetGroupArn?: string;
  readonly ForwardConfig?: {
    readonly TargetGroups: readonly { readonly TargetGroupArn: string; readonly Weight: number }[];
  };
}

export async function openStage(options: ElbOptions & { readonly speed?: number } = {}): Promise<Stage> {
  const open = await openWorld({ speed: options.speed ?? 100 });
  const { world } = open;
  const machines = new Map<string, Machine>();
  const known: Machines = { address: (id) => machines.get(id) };
  const elb = createElb(world, known, options);
  await elb.ready();
  const call = (operation: string, input: unknown) => elb.act(operation, input) as never;
  return {
    world,
    elb,
    call,
    refusal: (operation, input) => {
      try {
        call(operation, input);
      } catch (error) {
        return (error as AwsError).code;
      }
      return "accepted";
    },
    machine: async (id) => {
      const machine = await startMachine(id, world.addresses());
      machines.set(id, machine);
      return machine;
    },
    until: async (fits) => {
      while (!fits()) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    close: async () => {
      await elb.stop();
      for (const machine of machines.values()) await machine.stop();
      await open.close();
    },
  };
}

async function startMachine(id: string, host: string): Promise<Machine> {
  const server = http.createServer((request, response) => {
    if (request.url === "/health") return response.writeHead(machine.health).end();
    machine.requests += 1;
    machine.seen.push(request);
    machine.answer(request, response);
  });
  server.keepAliveTimeout = 60_000;
  const machine: Machine = {
    id,
    host,
    requests: 0,
    seen: [],
    health: 200,
    state: "running",
    answer: (_request, response) => response.setHeader("x-machine", id).end(id),
    server,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.listen(MACHINE_PORT, host);
  await once(server, "listening");
  return machine;
}

/** Health checks as quick as AWS allows. */
export const QUICK = {
  HealthCheckPath: "/health",
  HealthCheckIntervalSeconds: 5,
  HealthCheckTimeoutSeconds: 2,
  HealthyThresholdCount: 2,
  UnhealthyThresholdCount: 2,
};

export interface Shop {
  readonly balancer: string;
  readonly listener: string;
  readonly rule: string;
  readonly blue: string;
  readonly green: string;
}

/** `shop-alb` on port 8000 with two nodes; default rule: blue 100, green 0. */
export function shop({ call }: Stage): Shop {
  const group = (name: string) =>
    call<Answered>("CreateTargetGroup", {
      Name: name,
      Protocol: "HTTP",
      Port: MACHINE_PORT,
      VpcId: "vpc-1",
      ...QUICK,
    }).TargetGroups[0]!.TargetGroupArn;
  const [blue, green] = [group("shop-blue"), group("shop-green")];
  const balancer = call<Answered>("CreateLoadBalancer", {
    Name: "shop-alb",
    Subnets: ["subnet-1", "subnet-2"],
  }).LoadBalancers[0]!.LoadBalancerArn;
  const listener = call<Answered>("CreateListener", {
    LoadBalancerArn: balancer,
    Protocol: "HTTP",
    Port: 8000,
    DefaultActions: [forward({ [blue]: 100, [green]: 0 })],
  }).Listeners[0]!.ListenerArn;
  const rule = call<Answered>("DescribeRules", { ListenerArn: listener }).Rules[0]!.RuleArn;
  return { balancer, listener, rule, blue, green };
}

export const forward = (weights: Readonly<Record<string, number>>, stickySeconds?: number) => ({
  Type: "forward",
  ForwardConfig: {
    TargetGroups: Object.entries(weights).map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
    ...(stickySeconds !== undefined && {
      TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: stickySeconds },
    }),
  },
});

export interface Got {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** It went over a connection that had been used before. */
  readonly reused: boolean;
}

/** One request on a connection of its own, unless an agent is given. */
export function get(
  address: string,
  options: http.RequestOptions & { readonly body?: string } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options;
    const request = http.request({ host: address, port: 8000, agent: false, ...rest }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
          reused: request.reusedSocket,
        }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}
