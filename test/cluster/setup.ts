import type { TestProject } from "vitest/node";
import { startCluster } from "./cluster.ts";

/** One cluster for all files of the project, started before the first and ended after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startCluster({ gatewayCrds: true });
  project.provide("cluster", cluster.described);
  return () => cluster.stop();
}
