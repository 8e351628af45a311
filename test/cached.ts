import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const TELL_EVERY_MS = 20_000;

/** Something that tests need, that takes long to make, and that is the same for every checkout of the same sources. */
export interface Product {
  /** Ends with a hash of what it is made of. */
  readonly name: string;
  /** For people who wait. */
  readonly what: string;
  /** Makes it in an empty folder, which is moved when it is complete. */
  readonly make: (folder: string) => Promise<void>;
  /** Longest time (ms) for making it. */
  readonly within: number;
}

export type Tell = (line: string) => void;

/** The folder with a product, outside the tree, made before if it never was. */
export async function cached(product: Product, tell: Tell): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "teal-test");
  const folder = join(cache, product.name);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const release = await lock(join(cache, "build.lock"), product.within, tell);
  try {
    if (!existsSync(folder)) await make(product, folder, tell);
  } finally {
    await release();
  }
  return folder;
}

/** Makes it beside the folder and renames: a folder that is there is complete. */
async function make(product: Product, folder: string, tell: Tell): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  // Of one that was killed: nobody else makes anything while we hold the lock.
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  try {
    const began = performance.now();
    const seconds = () => Math.round((performance.now() - began) / 1000);
    tell(`building into ${folder} ${product.what}`);
    const telling = setInterval(() => tell(`  still building, ${seconds()} s`), TELL_EVERY_MS);
    await product.make(unfinished).finally(() => clearInterval(telling));
    await rename(unfinished, folder);
    tell(`built in ${seconds()} s`);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** One build at a time on a machine. A lock whose holder is gone is taken over. */
async function lock(path: string, within: number, tell: Tell): Promise<() => Promise<void>> {
  const deadline = performance.now() + within;
  for (let told = false; ; told = true) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (holder > 0 && !isRunning(holder)) await rm(path, { force: true });
    else if (!told) tell(`another process (${holder}) builds something; waiting for it`);
    if (performance.now() > deadline) throw new Error(`${path} was held too long, by process ${holder}`);
    await sleep(500);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
