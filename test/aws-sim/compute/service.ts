import type { World } from "../kernel.ts";
import { createContext } from "./context.ts";
import { imageDoors, imageOperations } from "./images.ts";
import { instanceOperations } from "./instances.ts";
import type { LaunchLimits } from "./launch.ts";
import { createFleet } from "./machines.ts";
import { networkOperations } from "./network.ts";
import { tagOperations } from "./tags.ts";
import { resolve, templateOperations } from "./templates.ts";
import type { ComputeWorld } from "./types.ts";

/** EC2 of one account and region: the catalogue, the network on paper, and instances that are real processes. */
export function createCompute(world: World): ComputeWorld {
  const ec2 = createContext(world);
  const withdrawn = new Set<string>();
  // Far more than a test starts by accident, far less than a machine could run: the quota's default differs by account.
  const limits: LaunchLimits = {
    vcpus: 256,
    failures: [],
    offered: (type, zone) => !withdrawn.has(`${type} ${zone}`) && !withdrawn.has(`${type} *`),
  };
  const fleet = createFleet(ec2, limits);
  return {
    ...fleet.doors,
    ...imageDoors(ec2),
    service: {
      name: "ec2",
      protocol: "ec2",
      namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
      operations: {
        ...networkOperations(ec2),
        ...imageOperations(ec2, (type, zone) => limits.offered(type, zone)),
        ...templateOperations(ec2),
        ...instanceOperations(ec2, fleet),
        ...tagOperations(ec2),
      },
      tagsOf: (arn) => {
        const id = arn.startsWith(ec2.arn("")) ? (arn.split("/")[1] ?? "") : "";
        return ec2.state.tags.get(id);
      },
    },
    machines: {
      address: (id) => {
        const instance = ec2.state.instances.get(id);
        return instance && { host: instance.host, state: instance.state };
      },
    },
    get state() {
      return ec2.state;
    },
    get vcpuLimit() {
      return limits.vcpus;
    },
    set vcpuLimit(vcpus: number) {
      limits.vcpus = vcpus;
    },
    failLaunches: (failure) => void limits.failures.push({ failure, left: failure.times ?? Infinity }),
    clearLaunchFailures: () => void limits.failures.splice(0),
    withdraw: (type, zone = "*") => void withdrawn.add(`${type} ${zone}`),
    launch: (of) => fleet.launch(of),
    terminate: (id, reason) => fleet.terminate(id, reason),
    terminated: (id) => fleet.terminated(id),
    template: (by) => resolve(ec2.state, by),
    tag: (id, tags) => ec2.tag(id, tags),
  };
}
