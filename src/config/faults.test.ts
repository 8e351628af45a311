import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { loadConfig, type LoadInput } from "./load.ts";
import { formatProblems } from "./problem.ts";

/** A valid file; each fault changes one thing of it. */
const VALID = `teal: 1
service: shop
target:
  local:
    listen: 8080
    command: node server.js
    replicas: 2
health:
  ready: /health
`;

interface Fault extends Partial<LoadInput> {
  readonly text: string;
}

const change = (from: string, to: string): Fault => ({ text: VALID.replace(from, to) });
const add = (lines: string, more: Partial<LoadInput> = {}): Fault => ({ text: VALID + lines, ...more });

const CLUSTER = "context: prod-eu, namespace: shop, template: deployment/shop";
const onKubernetes = (kubernetes: string, rest = "") => ({
  text: `service: shop\ntarget:\n  kubernetes: { ${kubernetes} }\n${rest}`,
});

const ACCOUNT = `account: "111122223333", listener: shop-alb:443`;
const onAws = (aws: string, rest = "") => ({
  text: `service: shop\ntarget:\n  aws: { ${aws} }\n${rest}`,
});

const FAULTS: Readonly<Record<string, Fault>> = {
  "a tab as indentation": change("    replicas", "\treplicas"),
  "an unclosed quote": change("node server.js", '"node server.js'),
  "braces in a one-line map": change("listen: 8080", "streams: { policy: {hold} x }"),
  "an unknown tag": change("shop", "!secret shop"),
  "an alias without anchor": change("shop", "*name"),
  "an empty file": { text: "# nothing\n" },
  "a list at the top": { text: "- a\n" },
  "an alias bomb": {
    text: `a: &a [${"x,".repeat(30)}x]\nb: &b [${"*a,".repeat(30)}*a]\nc: [${"*b,".repeat(30)}*b]\n`,
  },
  "a duplicate key": change("replicas: 2", "replicas: 2\n    replicas: 3"),
  "an unknown key at the top": change("service", "servise"),
  "an unknown key deep inside": add("  window: { passes: 2, intervall: 1s }\n"),
  "an unknown key that is like no other": add("colour: teal\n"),
  "a slip in environments": add("enviroments: {}\n"),
  "a number for a duration": add("  timeout: 5\n"),
  "a unit that is none": add("  timeout: 5 sec\n"),
  "a duration longer than timers go": add("  timeout: 999h\n"),
  "a text for a number": change("replicas: 2", 'replicas: "2"'),
  "a fraction for a whole number": change("replicas: 2", "replicas: 1.5"),
  "a map for a text": change("node server.js", "{ run: x }"),
  "nothing for a map": change("ready: /health", ""),
  "a port that is none": change("8080", "99999"),
  "an address that is none": change("8080", "localhost"),
  "a missing key": change("    command: node server.js\n", ""),
  "a missing section": { text: "service: shop\n" },
  "an empty target": change(VALID.slice(VALID.indexOf("  local")), "  {}\n"),
  "a service name with capitals": change("shop", "Shop"),
  "a strategy in another case": add("strategy: bluegreen\n"),
  "two strategies": add("strategy: { blueGreen: {}, canary: {} }\n"),
  "shifts that shrink": add("strategy: { canary: { shifts: [5, 50, 25] } }\n"),
  "a shift to all": add("strategy: { canary: { shifts: [50, 100] } }\n"),
  "a batch larger than the service": add("strategy: { rolling: { batch: 3 } }\n"),
  "a negative keepWarm": add('strategy: { blueGreen: { keepWarm: "-1s" } }\n'),
  "a schedule that ends before it starts": add(
    'strategy: { blueGreen: { gate: { schedule: { from: "17:00", to: "08:00" } } } }\n',
  ),
  "a check without a kind": add("  deep: [{ timeout: 1s }]\n"),
  "a check of two kinds": add("  deep: [{ tcp: {}, exec: x }]\n"),
  "a path without a slash": change("/health", "health"),
  "an impossible window": add("  window: { of: 2, passes: 3 }\n"),
  "a latency above the timeout": add('  deep: [{ http: { path: /x, latency: "< 6s" } }]\n'),
  "a regular expression that is none": add('  deep: [{ http: { path: /x, body: { matches: "(" } } }]\n'),
  "a JSONPath that is none": add('  deep: [{ http: { path: /x, body: { json: { "$.[": 1 } } } }]\n'),
  "a status range from high to low": add("  deep: [{ http: { path: /x, status: 299-200 } }]\n"),
  "a share of more than everything": add("errors: { limit: 101% }\n"),
  "a window larger than what is remembered": add("  window: { of: 101 }\n"),
  "somebody else's port as a check": add("  deep: [{ tcp: 5432 }, { tcp: { port: 6379 } }]\n"),
  "a header that no TCP connection carries": add(
    "  identity: { header: x-revision }\n  deep: [{ tcp: {} }]\n",
  ),
  "a header and no HTTP check": change("ready: /health", "identity: { header: x-revision }"),
  "two checks of one name": add("  deep: [{ name: db, exec: a }, { name: db, exec: b }]\n"),
  "an error limit without percent": add("errors: { limit: 0.01 }\n"),
  "a variable that is not set": change("8080", "${PORT}"),
  "variables that are not set, in short forms": add(
    "  deep: [{ exec: '${A}' }, { http: { path: '${B}', status: '${C}' } }]\nstrategy: { canary: { shifts: ['${D}'] } }\n",
  ),
  "a key that JavaScript would drop": change("replicas: 2", "env: { __proto__: x }"),
  "a variable with a wrong value": { ...change("8080", "${PORT}"), env: { PORT: "hunter2-secret" } },
  "a reference that is none": change("node server.js", "node ${} server.js"),
  "environments and none chosen": add("environments: { staging: {}, production: {} }\n"),
  "an environment that does not exist": add("environments: { staging: {}, production: {} }\n", {
    environment: "prodution",
  }),
  "an environment of a file without": add("", { environment: "production" }),
  "a fault in another environment": add("environments: { a: {}, b: { health: { redy: /x } } }\n", {
    environment: "a",
  }),
  "several services and none chosen": { text: "services: { web: {}, api: {} }\n" },
  "an account without account and listener": onAws("region: eu-central-1"),
  "an account that lost its zero": onAws("account: 012345678901, listener: shop-alb:443"),
  "an account of eleven digits": onAws(`account: "12345678901", listener: shop-alb:443`),
  "a region that is none": onAws(`${ACCOUNT}, region: Frankfurt`),
  "a listener without a port": onAws(`account: "111122223333", listener: shop-alb`),
  "a network load balancer's listener": onAws(
    `account: "111122223333", listener: "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/shop/1/2"`,
  ),
  "a listener of another account and region": onAws(
    `account: "111122223333", region: eu-central-1, listener: ["arn:aws:elasticloadbalancing:eu-central-1:999988887777:listener/app/shop/1/2", "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shop/1/2"]`,
  ),
  "rules beside a listener and a host": onAws(
    `${ACCOUNT}, host: shop.example, rules: ["arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/shop/1/2/3"]`,
  ),
  "a rule that is a listener": onAws(
    `account: "111122223333", rules: ["arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/1/2"]`,
  ),
  "a host with a scheme": onAws(`${ACCOUNT}, host: "https://shop.example/"`),
  "a path pattern without a slash": onAws(`${ACCOUNT}, path: shop`),
  "one group for both slots": onAws(`${ACCOUNT}, groups: { blue: shop, green: shop }`),
  "a group for one slot": onAws(`${ACCOUNT}, groups: { blue: shop }`),
  "a target group that is none": onAws(`${ACCOUNT}, targetGroups: { blue: shop_blue, green: shop-green }`),
  "a template that is none": onAws(`${ACCOUNT}, template: latest`),
  "user data in a home folder": onAws(`${ACCOUNT}, template: { userData: ~/user-data.sh }`),
  "a way that is none": onAws(`${ACCOUNT}, reach: ssh`),
  "two ways": onAws(`${ACCOUNT}, reach: { headerRule: {}, testListener: shop-alb:8443 }`),
  "a header that is none": onAws(`${ACCOUNT}, reach: { headerRule: { header: "x slot" } }`),
  "a bucket without a scheme": onAws(`${ACCOUNT}, state: shop-teal/production`),
  "a parameter that is none": onAws(`${ACCOUNT}, publish: "/shop/weights of today"`),
  "a slip in a key of the account": onAws(`${ACCOUNT}, listner: shop-alb:80`),
  "a command beside an instance": onAws(ACCOUNT, "health: { deep: [{ exec: ./check.sh }] }\n"),
  "processes of an instance": onAws(ACCOUNT, "health: { ready: /health, identity: process }\n"),
  "a batch larger than the instances of a first deployment": onAws(
    `${ACCOUNT}, replicas: 2`,
    "strategy: { rolling: { batch: 3 } }\n",
  ),
  "two targets": change("  local", "  aws: {}\n  local"),
  "a cluster without a context": onKubernetes("namespace: shop, template: deployment/shop"),
  "a cluster beside this machine": change("  local", `  kubernetes: { ${CLUSTER} }\n  local`),
  "a template that is no Deployment": onKubernetes(
    `${CLUSTER.replace("deployment/shop", "statefulset/shop")}`,
  ),
  "a template by two ways": onKubernetes(
    `context: prod, namespace: shop, template: { file: a.yaml, command: helm template . }`,
  ),
  "a template with a port and no image": onKubernetes(
    `context: prod, namespace: shop, template: { file: a.yaml, port: 80 }`,
  ),
  "an image without a port": onKubernetes(`context: prod, namespace: shop, template: { image: shop }`),
  "a home folder": onKubernetes(`${CLUSTER}, kubeconfig: ~/.kube/config`),
  "a namespace with capitals": onKubernetes(CLUSTER.replace("namespace: shop", "namespace: Shop")),
  "metrics without a metric": onKubernetes(`${CLUSTER}, metrics: { port: 9090 }`),
  "a slip in a key of the cluster": onKubernetes(`${CLUSTER}, gatway: { route: shop }`),
  "a batch larger than a first deployment's replicas": onKubernetes(
    `${CLUSTER}, replicas: 2`,
    "strategy: { rolling: { batch: 3 } }\n",
  ),
  "a command beside a pod": onKubernetes(CLUSTER, "health: { deep: [{ exec: ./check.sh }] }\n"),
  "processes of a pod": onKubernetes(CLUSTER, "health: { ready: /health, identity: process }\n"),
  "a database": add("database: { url: x }\n"),
  "an env file that is not there": change("replicas: 2", "envFile: nowhere/.env"),
  "a folder outside the release": change("replicas: 2", "cwd: ../other"),
  "a line with a password in it": change(
    "node server.js",
    "run\n    env: { URL: 'postgres://shop:hunter2@db/shop', TOKEN: hunter2, B: {} }",
  ),
  "several at once": change("8080\n    command", "x\n    comand"),
};

async function report({ text, ...more }: Fault): Promise<string> {
  const loaded = await loadConfig({ text, cwd: "/srv/shop", env: {}, ...more });
  return loaded.is === "invalid" ? formatProblems(loaded.problems, { color: false }) : "NO PROBLEM FOUND";
}

describe("the report of", () => {
  for (const [name, fault] of Object.entries(FAULTS)) {
    test(name, async () => {
      const text = await report(fault);
      expect(text).not.toContain("NO PROBLEM FOUND");
      expect(text).toMatchSnapshot();
    });
  }
});

test("colours change nothing but the colours", async () => {
  const loaded = await loadConfig({ text: FAULTS["a missing key"]!.text, cwd: "/srv/shop", env: {} });
  if (loaded.is !== "invalid") throw new Error("expected problems");
  const colored = formatProblems(loaded.problems, { color: true });
  expect(colored).toContain("\u001b[");
  expect(stripVTControlCharacters(colored)).toBe(formatProblems(loaded.problems, { color: false }));
});
