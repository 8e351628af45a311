import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, expect, test } from "vitest";
import { sharedCluster } from "../cluster/cluster.ts";
import { deployment, service } from "../cluster/objects.ts";
import { Place, type Ran } from "./place.ts";

/* Secrets where people have them; what Teal writes and says is searched for each. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

const PLANTED = {
  /** Of a Secret that the template names; the pod writes it into its log. */
  ofSecret: "horse-battery-staple-5591",
  /** Of a Secret's second entry, which nobody writes anywhere. */
  beside: 'quiet "entry" & more 7710',
  /** A literal variable of the container; the pod writes it, too. */
  ofVariable: "literal-in-the-pod-3349",
  /** In the configuration by `${SHOP_TOKEN}`: a header of a check. The pod writes it, too. */
  ofCheck: "header-of-a-check-9273",
} as const;

let place: Place | undefined;
afterEach(async () => {
  delete process.env["SHOP_TOKEN"];
  await place?.dispose();
  place = undefined;
});

const HEALTH = `{ ready: /health, deep: [{ http: { path: /health/db, send: { headers: { x-token: "\${SHOP_TOKEN}" } } } }], window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 15s } }`;

const shopOf = (container: object) =>
  deployment("shop", "teal.test/web:v0", {
    replicas: 0,
    container: {
      env: [
        { name: "DB_PASSWORD", valueFrom: { secretKeyRef: { name: "shop-secret", key: "password" } } },
        { name: "MAIL_PASSWORD", value: PLANTED.ofVariable },
        { name: "PEER", value: PLANTED.ofCheck },
      ],
      ...container,
    },
  });

const SECRET = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "shop-secret" },
  stringData: { password: PLANTED.ofSecret, beside: PLANTED.beside },
};

/** Says everything it knows, in sentences that look like nothing special, and ends. */
const TELLTALE = {
  command: [
    "sh",
    "-c",
    'echo "login of shop with $DB_PASSWORD or $MAIL_PASSWORD at $PEER was refused"; exit 1',
  ],
};

test("no secret of a pod, a Secret, a check or a kubeconfig is in a journal, an Event, a mark or an output", async () => {
  process.env["SHOP_TOKEN"] = PLANTED.ofCheck;
  const objects = [SECRET, shopOf({}), service("shop", { app: "shop" })];
  const shop = (place = await Place.open(cluster, { objects, health: HEALTH }));
  const said: string[] = [];
  const teal = async (status: number, ...words: readonly string[]): Promise<Ran> => {
    const ran = await shop.teal(...words);
    said.push(ran.out, ran.err);
    expect(ran.code, `${words.join(" ")}\n${ran.out}${ran.err}`).toBe(status);
    return ran;
  };
  await teal(0, "plan", "v1", "--json");
  await teal(0, "deploy", "v1", "--json", "-v");
  await teal(4, "deploy", "teal.test/failing:v2", "-v");
  await cluster.apply(shop.namespace, shopOf(TELLTALE));
  const crashed = await teal(4, "deploy", "v3", "-v");
  // What it wrote is shown, without what it gave away.
  expect(crashed.out).toMatch(/login of shop with \[redacted\] or \[redacted\] at \[redacted\] was refused/u);
  await teal(0, "status", "--json");
  await teal(0, "history", "--json");
  await teal(0, "health", "--json");
  await teal(0, "status", "-v");

  const { users } = JSON.parse(readFileSync(cluster.kubeconfig, "utf8")) as Kubeconfig;
  const token = users[0]?.user.token ?? "";
  expect(token.length).toBeGreaterThan(8);
  said.push(...(await refusedBy(shop, token)));

  // Whatever Teal keeps in the namespace, but Secrets and the pods' own specification, which the template has as well.
  let told = 0;
  const kinds = ["configmaps", "leases", "events", "services", "endpointslices"];
  for (const kind of kinds) {
    const { items } = (await cluster.get(shop.namespace, kind)) as { items: readonly Kept[] };
    const kept = items.filter(({ metadata }) => metadata.labels?.["teal.dev/part"] !== "revision");
    const texts = kept.flatMap((each) => [JSON.stringify(each), ...unpacked(each)]);
    told += texts.filter((text) => text.includes("was refused")).length;
    said.push(...texts);
  }
  // They were searched where the journal is.
  expect(told).toBeGreaterThan(0);
  const { items: deployments } = await cluster.get(shop.namespace, "deployments", "-l", "teal.dev/service");
  said.push(...(deployments as readonly Kept[]).map(({ metadata }) => JSON.stringify(metadata.annotations)));
  const { items: revisions } = await cluster.get(
    shop.namespace,
    "configmaps",
    "-l",
    "teal.dev/part=revision",
  );
  expect(revisions.length).toBe(3);
  const inSecrets = formsOf([PLANTED.ofSecret, PLANTED.beside, token]);
  expect(
    found(
      inSecrets,
      (revisions as readonly Kept[]).flatMap((each) => [JSON.stringify(each), ...unpacked(each)]),
    ),
  ).toEqual([]);
  expect(found(formsOf([...Object.values(PLANTED), token]), said)).toEqual([]);
});

/** What lies compressed in a ConfigMap. */
function unpacked({ binaryData = {} }: Kept): readonly string[] {
  return Object.values(binaryData).map((value) => gunzipSync(Buffer.from(value, "base64")).toString());
}

interface Kept {
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly metadata: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: object };
}

interface Kubeconfig {
  readonly users: readonly { readonly user: { readonly token: string } }[];
}

/** What is said when nobody answers whoever comes with this token. */
async function refusedBy(shop: Place, token: string): Promise<readonly string[]> {
  const kubeconfig = join(shop.folder, "nobody.kubeconfig");
  const config = {
    contexts: [{ name: "teal-test", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:9" } }],
    users: [{ name: "u", user: { token } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const { code, out, err } = await shop.tealAs({ kubeconfig }, "deploy", "v9", "-v");
  expect(code).not.toBe(0);
  return [out, err];
}

/** As they are, in JSON, in JSON within JSON, and in base64. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
  return secrets.flatMap((secret) => [
    secret,
    inJson(secret),
    inJson(inJson(secret)),
    Buffer.from(secret).toString("base64"),
  ]);
}

function found(forms: readonly string[], texts: readonly string[]): readonly string[] {
  return forms.flatMap((form) =>
    texts
      .filter((text) => text.includes(form))
      .map(
        (text) =>
          `${form} in ...${text.slice(Math.max(0, text.indexOf(form) - 200), text.indexOf(form) + 40)}`,
      ),
  );
}
