import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/** Files that need a Kubernetes cluster; only test/cluster/run.ts can run them, in namespaces of their own. */
const CLUSTER = ["{src,test}/**/*.cluster.test.ts"];
/** Files that start processes, open sockets or write files: one process per file, so that nothing leaks into the next. */
const REAL = ["src/**/*.test.ts", "test/{aws-sim,cluster,contract,postgres,repository}/**/*.test.ts"];
/** Files that need moto and botocore, or minutes of load on the simulator; test/aws/run.ts runs them. */
const AWS = ["{src,test}/**/*.aws.test.ts"];
/** Every crash point and ten thousand races: hours, run by hand with TEAL_EXHAUSTIVE set. */
const EXHAUSTIVE = ["{src,test}/**/*.exhaustive.test.ts"];
/** Files that need servers of PostgreSQL; test/postgres/run.ts runs them. */
const POSTGRES = ["{src,test}/**/*.postgres.test.ts"];
/** Files that only compute: one worker reads the modules once for all of them. */
const PURE = ["src/{core,engine}/**/*.test.ts"];

const kubernetes: TestProjectInlineConfiguration = {
  test: {
    name: "kubernetes",
    include: CLUSTER,
    globalSetup: ["test/cluster/setup.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    sequence: { groupOrder: 4 },
  },
};

const aws: TestProjectInlineConfiguration = {
  test: {
    name: "aws",
    include: process.env["TEAL_EXHAUSTIVE"] === undefined ? AWS : EXHAUSTIVE,
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    sequence: { groupOrder: 5 },
  },
};

const migrations: TestProjectInlineConfiguration = {
  test: {
    name: "migrations",
    include: POSTGRES,
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    sequence: { groupOrder: 6 },
  },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "pure",
          include: PURE,
          pool: "threads",
          isolate: false,
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "real",
          include: REAL,
          exclude: [...PURE, ...CLUSTER, ...AWS, ...EXHAUSTIVE, ...POSTGRES],
          pool: "forks",
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          pool: "forks",
          testTimeout: 240_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // Whole stories under load: alone on the machine, one after the other, or the load of one is the failure of another.
        test: {
          name: "e2e",
          include: ["test/{aws,e2e}/**/*.test.ts"],
          exclude: [...AWS, ...EXHAUSTIVE],
          pool: "forks",
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
      ...(process.env["TEAL_TEST_CLUSTER"] === undefined ? [] : [kubernetes]),
      ...(process.env["TEAL_TEST_AWS"] === undefined ? [] : [aws]),
      ...(process.env["TEAL_TEST_POSTGRES"] === undefined ? [] : [migrations]),
    ],
  },
});
