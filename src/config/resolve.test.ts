import { describe, expect, test } from "vitest";
import { loadConfig } from "./load.ts";
import { formatProblems } from "./problem.ts";
import { awsSettingsOf } from "./resolve-aws.ts";
import { kubernetesSettingsOf } from "./resolve-kubernetes.ts";
import { checkPlanOf, localSettingsOf, strategyOf } from "./resolve.ts";

async function configOf(rest: string, local = "") {
  const text = `target:\n  local:\n    listen: 8080\n    command: run\n${local}${rest}`;
  const loaded = await loadConfig({ text, cwd: "/srv/shop", env: {} });
  if (loaded.is === "invalid") throw new Error(formatProblems(loaded.problems, { color: false }));
  return loaded.config;
}

describe("with nothing but an address and a command", () => {
  test("the strategy is blue-green", async () => {
    expect(strategyOf(await configOf(""))).toEqual({
      kind: "blueGreen",
      gates: [],
      shifts: [],
      batch: 1,
      bake: 30_000,
      keepWarm: 600_000,
      drainCap: 30_000,
      startDeadline: 60_000,
      errors: { share: 0.01, minRequests: 20 },
      freshness: 30_000,
      migrations: { expand: false, contract: false, destructive: false },
    });
  });

  test("the check connects to the replica's port", async () => {
    expect(checkPlanOf(await configOf(""), [])).toEqual({
      checks: [{ name: "ready", kind: "ready", timeout: 5_000, ask: "tcp", tcp: {} }],
      window: { of: 5, passes: 3, consecutive: 2, interval: 500, jitter: 0.2, deadline: 60_000 },
      minHealthy: "all",
      identity: { by: "process" },
    });
  });

  test("the local target gets every number", async () => {
    expect(localSettingsOf(await configOf(""))).toEqual({
      service: "shop",
      environment: "default",
      listen: "0.0.0.0:8080",
      source: "/srv/shop",
      command: "run",
      cwd: ".",
      env: {},
      replicas: 1,
      edge: {
        streams: { policy: "reconnect", after: 0, over: 2_000 },
        queue: { timeout: 2_000, limit: 1_000 },
        responseTimeout: 30_000,
        trustedProxies: [],
      },
      replicasPolicy: {
        backoff: 500,
        backoffCap: 30_000,
        crashLoop: { exits: 3, within: 60_000 },
        stopGrace: 10_000,
        drainCap: 30_000,
        log: { maxBytes: 10_000_000, keep: 5 },
      },
    });
  });
});

describe("strategies", () => {
  test("a canary by name watches 10 and 50 percent", async () => {
    const watch = { gate: "watch", for: 60_000 };
    expect(strategyOf(await configOf("strategy: canary\n")).shifts).toEqual([
      { share: 10, gate: watch },
      { share: 50, gate: watch },
    ]);
  });

  test("each shift has its own gate", async () => {
    const written = `strategy:
  canary:
    watch: 10s
    shifts:
      - 5
      - "12.5%"
      - { share: 25, watch: 1m }
      - { share: 50, approval: { timeout: 2h, otherwise: proceed } }
      - { share: 75, schedule: { days: [mon, sat], from: "08:30", to: "16:00" } }
`;
    expect(strategyOf(await configOf(written)).shifts).toEqual([
      { share: 5, gate: { gate: "watch", for: 10_000 } },
      { share: 12.5, gate: { gate: "watch", for: 10_000 } },
      { share: 25, gate: { gate: "watch", for: 60_000 } },
      { share: 50, gate: { gate: "approval", timeout: 7_200_000, otherwise: "proceed" } },
      {
        share: 75,
        gate: {
          gate: "schedule",
          days: [1, 6],
          from: 510,
          to: 960,
          timeout: 86_400_000,
          otherwise: "revert",
        },
      },
    ]);
  });

  test("gates before the first traffic, one or several", async () => {
    const one = strategyOf(await configOf("strategy: { recreate: { gate: approval } }\n"));
    expect(one.gates).toEqual([{ gate: "approval", timeout: 86_400_000, otherwise: "revert" }]);
    const two = strategyOf(
      await configOf(
        'strategy: { rolling: { gate: [approval, { schedule: { from: "00:00", to: "06:00" } }] } }\n',
      ),
    );
    expect(two.gates.map(({ gate }) => gate)).toEqual(["approval", "schedule"]);
  });

  test("rolling and recreate keep no slot warm", async () => {
    for (const kind of ["rolling", "recreate"]) {
      expect(strategyOf(await configOf(`strategy: ${kind}\n`))).toMatchObject({ kind, keepWarm: 0 });
    }
  });

  test("the drain cap is the same for the engine and the target", async () => {
    const config = await configOf("strategy: { blueGreen: { drain: 90s } }\n");
    expect(strategyOf(config).drainCap).toBe(90_000);
    expect(localSettingsOf(config).replicasPolicy.drainCap).toBe(90_000);
  });
});

describe("checks", () => {
  test("every short form and the long one", async () => {
    const written = `health:
  timeout: 2s
  identity: address
  minHealthy: 1
  ready: /health
  deep:
    - /db
    - tcp: 5432
    - exec: [./probe, --all]
    - name: status
      timeout: 9s
      http:
        path: /status
        method: POST
        send: { headers: { Accept: json, X-Count: 3 }, body: "{}" }
        status: [200, 300-399]
        headers: { Content-Type: json }
        body: { contains: ok, matches: "^ok", json: { "$.a": { b: [1] } } }
        latency: "< 300ms"
        redirects: 2
`;
    const plan = checkPlanOf(await configOf(written), []);
    const plain = { method: "GET", headers: {}, status: [[200, 299]], followRedirects: 0 };
    expect(plan.identity).toEqual({ by: "address" });
    expect(plan.minHealthy).toBe(1);
    expect(plan.checks).toEqual([
      { name: "ready", kind: "ready", timeout: 2_000, ask: "http", http: { ...plain, path: "/health" } },
      { name: "deep[0] GET /db", kind: "deep", timeout: 2_000, ask: "http", http: { ...plain, path: "/db" } },
      { name: "deep[1] tcp 5432", kind: "deep", timeout: 2_000, ask: "tcp", tcp: { port: 5432 } },
      {
        name: "deep[2] exec ./probe --all",
        kind: "deep",
        timeout: 2_000,
        ask: "exec",
        exec: { command: ["./probe", "--all"], expectExit: 0 },
      },
      {
        name: "status",
        kind: "deep",
        timeout: 9_000,
        ask: "http",
        http: {
          method: "POST",
          path: "/status",
          headers: { Accept: "json", "X-Count": "3" },
          body: "{}",
          status: [
            [200, 200],
            [300, 399],
          ],
          expectBody: { contains: ["ok"], matches: "^ok", json: { "$.a": { b: [1] } } },
          expectHeaders: { "content-type": "json" },
          latency: 300,
          followRedirects: 2,
        },
      },
    ]);
    // A plan is journaled as JSON: nothing of it may be lost there.
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  test("a header that proves identity is looked for in lower case", async () => {
    const written = "health: { ready: /health, identity: { header: X-Revision } }\n";
    const { identity } = checkPlanOf(await configOf(written), []);
    expect(identity).toEqual({ by: "header", header: "x-revision" });
  });

  test("a fixed port is right where only one replica runs at a time", async () => {
    const plan = checkPlanOf(await configOf("health: { deep: [{ tcp: 9090 }] }\nstrategy: recreate\n"), []);
    expect(plan.checks.map(({ name }) => name)).toEqual(["ready", "deep[0] tcp 9090"]);
  });

  test("names hold no secret, stay on one line and differ", async () => {
    const written = `health:
  deep:
    - exec: ./check.sh --key first-planted
    - exec: [./check.sh, --password, x, "--token=unplanted"]
    - { name: "probe first-planted", exec: run }
    - { name: "probe second-planted", exec: run }
    - /status?key=second-planted
    - exec: "line one\\nline two ${"x".repeat(200)}"
    - { name: "ready ", exec: run }
`;
    const { checks } = checkPlanOf(await configOf(written), ["first-planted", "second-planted"]);
    const names = checks.map(({ name }) => name);
    expect(names.slice(0, 6)).toEqual([
      "ready",
      "deep[0] exec ./check.sh --key [redacted]",
      "deep[1] exec ./check.sh --password x --token=[redacted]",
      "probe [redacted]",
      "probe [redacted] (2)",
      "deep[4] GET /status?key=[redacted]",
    ]);
    expect(names[6]).toMatch(/^deep\[5\] exec line one line two x+…$/);
    expect(names[6]).toHaveLength(80);
    expect(names[7]).toBe("ready (2)");
    // What is asked stays as it was written.
    expect(checks[1]).toMatchObject({ exec: { command: "./check.sh --key first-planted" } });
  });

  test("fewer samples than the default asks to pass means all of them", async () => {
    const { window } = checkPlanOf(await configOf("health: { window: { of: 1 } }\n"), []);
    expect(window).toMatchObject({ of: 1, passes: 1, consecutive: 1 });
  });
});

describe("in a cluster", () => {
  async function clusterConfig(kubernetes: string, rest = "") {
    const text = `service: shop\ntarget: { kubernetes: { context: prod-eu, namespace: shop, ${kubernetes} } }\n${rest}`;
    const loaded = await loadConfig({ text, cwd: "/srv/shop", env: { PASSWORD: "pa ss" } });
    if (loaded.is === "invalid") throw new Error(formatProblems(loaded.problems, { color: false }));
    return loaded;
  }

  test("context, namespace and template are enough", async () => {
    const { config, notes } = await clusterConfig("template: deployment/shop");
    expect(kubernetesSettingsOf(config)).toEqual({
      service: "shop",
      environment: "default",
      namespace: "shop",
      access: { by: "context", context: "prod-eu" },
      template: { from: "live", deployment: "shop" },
      routing: { by: "service" },
      propagation: 10_000,
      liveSecrets: [],
    });
    expect(notes).toEqual([
      "health.ready: the pods' own readiness (no check is configured; an HTTP check is asked by Teal itself, too)",
    ]);
    expect(checkPlanOf(config, [])).toMatchObject({ checks: [], identity: { by: "address" } });
  });

  test("everything else that can be said", async () => {
    const { config } = await clusterConfig(
      `kubeconfig: ../eu.yaml, service: web, container: app, port: http, distinguish: app, replicas: 3,
      template: { file: k8s/all.yaml, deployment: shop }, propagation: 30s, liveSecrets: all,
      metrics: { port: 9090, inFlight: in_flight }`,
      "health: { ready: /health, identity: { header: X-Revision } }\n",
    );
    expect(kubernetesSettingsOf(config)).toEqual({
      service: "shop",
      environment: "default",
      namespace: "shop",
      access: { by: "context", context: "prod-eu", kubeconfig: "/srv/eu.yaml" },
      template: { from: "file", path: "/srv/shop/k8s/all.yaml", deployment: "shop" },
      container: "app",
      port: "http",
      distinguish: "app",
      replicas: 3,
      routing: { by: "service", service: "web" },
      propagation: 30_000,
      metrics: { port: 9090, path: "/metrics", inFlight: "in_flight" },
      liveSecrets: "all",
    });
    expect(checkPlanOf(config, []).identity).toEqual({ by: "header", header: "x-revision" });
  });

  test.each([
    ["{ image: shop, port: 8080 }", { from: "image", image: "shop", port: 8080 }],
    [
      "{ command: helm  template ./chart }",
      { from: "command", command: ["helm", "template", "./chart"], folder: "/srv/shop" },
    ],
    [
      '{ command: [helm, template, "${PASSWORD}"], deployment: shop }',
      {
        from: "command",
        command: ["helm", "template", "pa ss"],
        folder: "/srv/shop",
        deployment: "shop",
      },
    ],
  ] as const)("the template %s", async (written, source) => {
    const { config } = await clusterConfig(`template: ${written}`);
    expect(kubernetesSettingsOf(config).template).toEqual(source);
  });

  test("in-cluster is the service account, and a route is moved instead of a Service", async () => {
    const { config } = await clusterConfig(
      "template: deployment/shop, gateway: { route: shop, testers: { cookie: { name: tester, value: yes-please } } }",
    );
    expect(kubernetesSettingsOf(config).routing).toEqual({
      by: "gateway",
      route: "shop",
      testers: { cookie: { name: "tester", value: "yes-please" } },
    });
    const inside = await loadConfig({
      text: "service: shop\ntarget: { kubernetes: { context: in-cluster, namespace: a, template: deployment/shop } }\n",
      cwd: "/srv/shop",
      env: {},
    });
    if (inside.is !== "config") throw new Error("expected a configuration");
    expect(kubernetesSettingsOf(inside.config).access).toEqual({ by: "pod" });
    expect(() => localSettingsOf(inside.config)).toThrow("does not run on this machine");
  });
});

describe("in an AWS account", () => {
  async function accountConfig(aws: string, rest = "") {
    const text = `service: shop\ntarget: { aws: { account: "111122223333", ${aws} } }\n${rest}`;
    const loaded = await loadConfig({ text, cwd: "/srv/shop", env: {} });
    if (loaded.is === "invalid") throw new Error(formatProblems(loaded.problems, { color: false }));
    return loaded;
  }

  test("account and listener are enough", async () => {
    const { config, notes } = await accountConfig("listener: shop-alb:443");
    expect(awsSettingsOf(config)).toEqual({
      service: "shop",
      environment: "default",
      account: "111122223333",
      listeners: ["shop-alb:443"],
      match: {},
      template: { by: "image" },
      reach: { by: "headerRule", header: "x-teal-slot" },
      sticky: "wait",
      propagation: 15_000,
    });
    expect(notes).toEqual([
      "health.ready: the path that the target group's health check asks (no check is configured)",
    ]);
    expect(checkPlanOf(config, [])).toMatchObject({ checks: [], identity: { by: "address" } });
    expect(strategyOf(config)).toMatchObject({ startDeadline: 600_000, stopDeadline: 900_000 });
    expect(() => kubernetesSettingsOf(config)).toThrow("does not run on Kubernetes");
  });

  test("everything else that can be said", async () => {
    const { config } = await accountConfig(
      `region: eu-central-1, profile: shop, listener: [shop-alb:80, shop-alb:443], host: shop.example, path: /shop/*,
      groups: { blue: shop a, green: shop b }, targetGroups: { blue: shop-a, green: shop-b },
      template: { userData: boot/user-data.sh }, replicas: 3, reach: { testListener: shop-alb:8443 }, sticky: cut,
      propagation: 30s, state: s3://shop-teal/a/b/, publish: /shop/weights`,
    );
    expect(awsSettingsOf(config)).toEqual({
      service: "shop",
      environment: "default",
      account: "111122223333",
      region: "eu-central-1",
      profile: "shop",
      listeners: ["shop-alb:80", "shop-alb:443"],
      match: { host: "shop.example", path: "/shop/*" },
      groups: { blue: "shop a", green: "shop b" },
      targetGroups: { blue: "shop-a", green: "shop-b" },
      template: { by: "userData", file: "/srv/shop/boot/user-data.sh" },
      replicas: 3,
      reach: { by: "testListener", listener: "shop-alb:8443" },
      sticky: "cut",
      propagation: 30_000,
      state: { bucket: "shop-teal", prefix: "a/b" },
      publish: "/shop/weights",
    });
  });

  test.each([
    ["address", { by: "address" }],
    ["headerRule", { by: "headerRule", header: "x-teal-slot" }],
    ["{ headerRule: { header: X-Test, value: s } }", { by: "headerRule", header: "X-Test", value: "s" }],
  ] as const)("the way %s", async (written, reach) => {
    const { config } = await accountConfig(`listener: shop-alb:443, reach: ${written}`);
    expect(awsSettingsOf(config).reach).toEqual(reach);
  });

  test("rules may be named instead, and a bucket needs no prefix", async () => {
    const rule =
      "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
    const { config } = await accountConfig(`rules: ["${rule}"], state: s3://shop-teal`);
    expect(awsSettingsOf(config)).toMatchObject({
      listeners: [],
      rules: [rule],
      state: { bucket: "shop-teal", prefix: "" },
    });
  });
});

test("paths are absolute, seen from the file's folder", async () => {
  const config = await configOf("", "    source: ../app\n    preview: 9000\n    build: make\n");
  expect(localSettingsOf(config)).toMatchObject({
    source: "/srv/app",
    preview: "127.0.0.1:9000",
    build: "make",
  });
});

test("one status, one range and a list of both become ranges", async () => {
  for (const [written, ranges] of [
    ["200", [[200, 200]]],
    ['"200-299"', [[200, 299]]],
    [
      '[200, "300-399"]',
      [
        [200, 200],
        [300, 399],
      ],
    ],
  ] as const) {
    const text = `teal: 1\nservice: a\ntarget: { local: { listen: 1, command: x } }\nhealth: { deep: [ { http: { path: /x, status: ${written} } } ] }\n`;
    const loaded = await loadConfig({ cwd: "/", path: "/teal.yaml", text, env: {} });
    if (loaded.is !== "config") throw new Error(JSON.stringify(loaded.problems));
    expect(checkPlanOf(loaded.config, []).checks[1]).toMatchObject({ http: { status: ranges } });
  }
});
