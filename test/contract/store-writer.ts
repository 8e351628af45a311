/**
 * A process that writes to a store and says on its output what was acknowledged, one line each.
 * `node store-writer.ts append <place> <deployment> <writer> <count>`: appends; says the number of each event.
 * `node store-writer.ts cycle <place> <prefix>`: opens, appends and closes deployments without end; says
 * `<deployment> <number of events>`, and `<deployment> closed`.
 * The place is an SQLite file, `<namespace>@<kubeconfig>` with the context `teal-test`, or `s3://<bucket>/<prefix>`
 * with the server and the credentials in the environment.
 * With `STORE_WRITER_UID` it becomes that user once its program is read: where the program lies, that user may not be
 * allowed to read it.
 */
import { writeSync } from "node:fs";
import { deploymentId } from "../../src/core/units.ts";
import type { StateStore } from "../../src/ports/store.ts";
import { openS3Store } from "../../src/state/s3/store.ts";
import { openSqliteStore } from "../../src/state/sqlite/store.ts";
import { connectApi } from "../../src/targets/kubernetes/api/connect.ts";
import { openKubernetesStore } from "../../src/state/kubernetes/store.ts";
import { KEY, appendMany, note } from "./append-many.ts";
import { CLOSED, FIRST, row } from "./history-fixture.ts";

const [mode, place = "", name = "", writer = "", count] = process.argv.slice(2);
const uid = Number(process.env["STORE_WRITER_UID"] ?? Number.NaN);
if (!Number.isNaN(uid)) {
  process.setgid?.(uid);
  process.setuid?.(uid);
}
const { store, dispose } = await open(place);
const say = (line: string) => writeSync(1, `${line}\n`);

if (mode === "append")
  await appendMany(store, deploymentId(name), writer, Number(count), (seq) => say(String(seq)));
if (mode === "cycle") {
  for (let number = 1; ; number += 1) {
    const id = deploymentId(`${name}${number}`);
    const opened = await store.open(KEY, id, note("open"));
    if (opened.is !== "opened") throw new Error(JSON.stringify(opened));
    say(`${id} 1`);
    await appendMany(store, id, name, 5, (seq) => say(`${id} ${seq}`));
    const closed = await store.close(KEY, id, 6, CLOSED, row(id, opened.number), FIRST);
    if (closed.is !== "closed") throw new Error(JSON.stringify(closed));
    say(`${id} closed`);
  }
}
dispose();

async function open(at: string): Promise<{ store: StateStore; dispose: () => void }> {
  const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.+)$/u.exec(at) ?? [];
  if (bucket !== undefined && prefix !== undefined) {
    const shared = openS3Store({ bucket, prefix, access: {} });
    return { store: shared, dispose: () => void shared.dispose() };
  }
  const [namespace = "", kubeconfig] = at.split("@");
  if (kubeconfig === undefined) {
    const file = openSqliteStore(at);
    return { store: file, dispose: () => file.dispose() };
  }
  const connected = await connectApi({ by: "context", context: "teal-test", kubeconfig }, namespace);
  if (connected.is === "failed") throw new Error(connected.cause.message);
  const { api } = connected;
  return { store: openKubernetesStore(api, KEY.service), dispose: () => api.close() };
}
