import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Revision } from "../../core/units.ts";
import { readJson } from "./files.ts";
import { layout as layoutOf, type Layout } from "./layout.ts";
import type { ReleaseFile } from "./protocol.ts";
import { releaseFolder, releaseName } from "./release-folder.ts";
import { prepareRelease, pruneReleases, recallRelease, type ReleaseSettings } from "./releases.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Place {
  readonly source: string;
  readonly layout: Layout;
  write(files: Record<string, string>): void;
  git(...args: string[]): string;
  prepare(
    name?: string,
    change?: Partial<ReleaseSettings>,
    said?: string[],
  ): ReturnType<typeof prepareRelease>;
  /** The release folder of a revision that was prepared. */
  ready(
    name?: string,
    change?: Partial<ReleaseSettings>,
  ): Promise<{ revision: Revision; folder: string; detail: string }>;
}

function place(): Place {
  const root = mkdtempSync(join(tmpdir(), "teal-releases-"));
  folders.push(root);
  const source = join(root, "shop");
  mkdirSync(source);
  const layout = layoutOf(join(root, "state"), "shop", "test");
  mkdirSync(layout.root, { recursive: true });
  const of: Place = {
    source,
    layout,
    write: (files) => {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(source, name)), { recursive: true });
        writeFileSync(join(source, name), text);
      }
    },
    git: (...args) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
        cwd: source,
        encoding: "utf8",
      }).trim(),
    prepare: (name, change = {}, said = []) =>
      prepareRelease(
        layout,
        { source, command: "node server.js", ...change },
        name,
        new AbortController().signal,
        (line) => said.push(line),
      ),
    ready: async (name, change) => {
      const prepared = await of.prepare(name, change);
      if (prepared.is !== "ready") throw new Error(`${prepared.cause.code} ${prepared.cause.message}`);
      return {
        revision: prepared.revision,
        folder: releaseFolder(layout, prepared.revision),
        detail: prepared.detail,
      };
    },
  };
  return of;
}
const filesOf = (folder: string) =>
  readdirSync(join(folder, "app"), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "app").length + 1))
    .toSorted();

test("copies the folder without what git ignores; what happens to the folder afterwards does not matter", async () => {
  const p = place();
  p.write({
    "server.js": "one",
    "lib/a.js": "a",
    ".gitignore": "secret.txt\nnode_modules\n",
    "secret.txt": "s",
    "node_modules/x/i.js": "x",
  });
  const { folder, revision } = await p.ready("v1");
  expect(filesOf(folder)).toEqual([".gitignore", "lib/a.js", "server.js"]);
  p.write({ "server.js": "two" });
  rmSync(join(p.source, "lib"), { recursive: true });
  expect(readFileSync(join(folder, "app", "server.js"), "utf8")).toBe("one");
  expect(readJson<ReleaseFile>(join(folder, "release.json"))).toMatchObject({
    revision,
    command: "node server.js",
    cwd: "app",
    origin: "folder shop",
    complete: true,
  });
});

test("a folder without git is named by its content when no name is given", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const a = await p.ready();
  const again = await p.ready();
  expect(again.revision).toEqual(a.revision);
  expect(again.detail).toContain("as prepared before");
  p.write({ "server.js": "two" });
  expect((await p.ready()).revision.id).not.toBe(a.revision.id);
});

test("a git work tree is refused where there is no git: nobody could tell what is committed", async () => {
  const p = place();
  p.write({ "server.js": "uncommitted" });
  mkdirSync(join(p.source, ".git"));
  const { PATH } = process.env;
  process.env["PATH"] = p.layout.root;
  try {
    expect(await p.prepare("v1")).toMatchObject({ is: "refused", cause: { code: "TEAL-L110" } });
    rmSync(join(p.source, ".git"), { recursive: true });
    expect(await p.prepare("v1")).toMatchObject({ is: "ready", revision: { id: "v1" } });
  } finally {
    process.env["PATH"] = PATH;
  }
});

test("of a git work tree the commit is taken, uncommitted changes are not and it says so", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  p.git("init", "-q");
  p.git("add", ".");
  p.git("commit", "-qm", "one");
  p.git("tag", "v1");
  p.write({ "server.js": "two" });
  p.git("commit", "-qam", "two");
  p.write({ "server.js": "uncommitted", "more.js": "x" });
  const said: string[] = [];
  const head = await p.prepare(undefined, {}, said);
  expect(head).toMatchObject({ is: "ready", revision: { id: p.git("rev-parse", "HEAD").slice(0, 7) } });
  expect(head.is === "ready" && head.detail).toContain("uncommitted changes are not included");
  expect(said.join("\n")).toContain("uncommitted changes");
  const v1 = await p.ready("v1");
  expect([
    v1.revision.id,
    readFileSync(join(v1.folder, "app", "server.js"), "utf8"),
    filesOf(v1.folder),
  ]).toEqual(["v1", "one", ["server.js"]]);
  expect(readJson<ReleaseFile>(join(v1.folder, "release.json"))?.origin).toBe(
    `git ${p.git("rev-parse", "v1").slice(0, 7)}`,
  );
  expect(readFileSync(join(p.source, "server.js"), "utf8")).toBe("uncommitted");
});

test("of a sub-folder of a repository only the sub-folder is taken", async () => {
  const p = place();
  p.write({ "web/server.js": "web", "api/server.js": "api" });
  p.git("init", "-q");
  p.git("add", ".");
  p.git("commit", "-qm", "one");
  const { folder } = await p.ready("HEAD", { source: join(p.source, "web") });
  expect(filesOf(folder)).toEqual(["server.js"]);
  p.write({ "web/server.js": "changed" });
  p.git("rm", "-qr", "--cached", "web");
  p.git("commit", "-qm", "without web");
  // The repository does not know the folder any more: it is a folder like any other, and the name is just a name.
  const plain = await p.ready("v9", { source: join(p.source, "web") });
  expect(readFileSync(join(plain.folder, "app", "server.js"), "utf8")).toBe("changed");
});

test("a name that the repository does not know is refused instead of taking what lies there", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  p.git("init", "-q");
  p.git("add", ".");
  p.git("commit", "-qm", "one");
  expect(await p.prepare("v7")).toMatchObject({ is: "refused", cause: { code: "TEAL-L102" } });
  expect(await p.prepare("--upload-pack=x")).toMatchObject({ is: "refused", cause: { code: "TEAL-L102" } });
});

test("everything that decides how it runs makes another revision, secrets included; the same makes the same", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const envFile = join(p.source, "..", "shop.env");
  writeFileSync(envFile, 'PASSWORD="one"\n# comment\nPLAIN=x\n');
  const base = await p.ready("v1", { envFile });
  writeFileSync(envFile, 'PASSWORD="two"\nPLAIN=x\n');
  const rotated = await p.ready("v1", { envFile });
  const command = await p.ready("v1", { envFile, command: "node other.js" });
  const env = await p.ready("v1", { envFile, env: { PLAIN: "y" } });
  expect(new Set([base, rotated, command, env].map((one) => one.revision.config)).size).toBe(4);
  expect(readJson<ReleaseFile>(join(env.folder, "release.json"))?.env).toEqual({
    PASSWORD: "two",
    PLAIN: "y",
  });
  expect(base.revision.config).toMatch(/^[0-9a-f]{16}$/);
  writeFileSync(envFile, "PLAIN=x\nPASSWORD=one\n");
  expect((await p.ready("v1", { envFile })).revision).toEqual(base.revision);
  expect(statSync(p.layout.keyFile).mode & 0o777).toBe(0o600);
  expect(statSync(join(base.folder, "release.json")).mode & 0o777).toBe(0o600);
});

test("another key gives other digests: they tell nothing about a secret", async () => {
  const a = place();
  const b = place();
  for (const p of [a, b]) p.write({ "server.js": "one" });
  expect((await a.ready("v1", { env: { P: "1234" } })).revision.config).not.toBe(
    (await b.ready("v1", { env: { P: "1234" } })).revision.config,
  );
});

test("the build runs in the copy with the release's environment, and its output is shown without secrets", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const said: string[] = [];
  const build = 'echo "built with $TOKEN" && echo "$TOKEN" > built.txt';
  const prepared = await p.prepare("v1", { build, env: { TOKEN: "plantedSecret-77" } }, said);
  expect(prepared).toMatchObject({ is: "ready" });
  expect(said.join("\n")).toContain("built with");
  expect(said.join("\n")).not.toContain("plantedSecret-77");
  expect(existsSync(join(p.source, "built.txt"))).toBe(false);
  expect(prepared.is === "ready" && filesOf(releaseFolder(p.layout, prepared.revision))).toEqual([
    "built.txt",
    "server.js",
  ]);
});

test("a failed build is refused with its last lines and leaves nothing behind", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const prepared = await p.prepare("v1", {
    build: "echo cannot compile $TOKEN; exit 4",
    env: { TOKEN: "plantedSecret-77" },
  });
  expect(prepared).toMatchObject({ is: "refused", cause: { code: "TEAL-L105" } });
  expect(JSON.stringify(prepared)).toContain("cannot compile");
  expect(JSON.stringify(prepared)).not.toContain("plantedSecret-77");
  expect(readdirSync(p.layout.releases)).toEqual([]);
});

test("links stay links inside the source; one that leads outside is refused", async () => {
  const p = place();
  p.write({ "lib/a.js": "a", "run.sh": "true" });
  chmodSync(join(p.source, "run.sh"), 0o755);
  symlinkSync("lib/a.js", join(p.source, "link.js"));
  const { folder } = await p.ready("v1");
  expect(readFileSync(join(folder, "app", "link.js"), "utf8")).toBe("a");
  expect(statSync(join(folder, "app", "run.sh")).mode & 0o111).not.toBe(0);
  for (const target of ["/etc/hostname", "../outside.txt", "lib/../../outside.txt"]) {
    rmSync(join(p.source, "bad"), { force: true });
    symlinkSync(target, join(p.source, "bad"));
    expect(await p.prepare("v2"), target).toMatchObject({ is: "refused", cause: { code: "TEAL-L104" } });
  }
});

test("a half-made release of the same name is never used", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const { folder, revision } = await p.ready("v1");
  const release = readJson<ReleaseFile>(join(folder, "release.json"));
  writeFileSync(join(folder, "release.json"), JSON.stringify({ ...release, complete: false }));
  rmSync(join(folder, "app", "server.js"));
  expect(recallRelease(p.layout, revision)).toMatchObject({ is: "refused", cause: { code: "TEAL-L109" } });
  expect(filesOf((await p.ready("v1")).folder)).toEqual(["server.js"]);
  expect(recallRelease(p.layout, revision)).toMatchObject({ is: "ready", revision });
});

test("two preparations at the same time agree on one complete release", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const [a, b] = await Promise.all([p.ready("v1"), p.ready("v1")]);
  expect(a.revision).toEqual(b.revision);
  expect(readdirSync(p.layout.releases)).toEqual([releaseName(a.revision)]);
});

test("a state directory inside the source is not copied into itself", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  const layout = layoutOf(join(p.source, ".state"), "shop", "test");
  mkdirSync(layout.root, { recursive: true });
  const prepare = () =>
    prepareRelease(layout, { source: p.source, command: "true" }, "v1", new AbortController().signal);
  const one = await prepare();
  const two = await prepare();
  expect(two).toMatchObject({ is: "ready", revision: one.is === "ready" ? one.revision : {} });
});

test("missing folders and files are refused by name", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  expect(await p.prepare("v1", { source: join(p.source, "nowhere") })).toMatchObject({
    is: "refused",
    cause: { code: "TEAL-L101" },
  });
  expect(await p.prepare("v1", { envFile: join(p.source, "none.env") })).toMatchObject({
    is: "refused",
    cause: { code: "TEAL-L107" },
  });
  expect(await p.prepare("v1", { cwd: "nowhere" })).toMatchObject({
    is: "refused",
    cause: { code: "TEAL-L108" },
  });
});

test("ids that are no file names get folders of their own", () => {
  const names = ["a/b", "a-b", "..", ".", "-x", "ä", "x".repeat(300)].map((id) =>
    releaseName({ id, config: "0123456789abcdef" }),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._~-]{0,90}$/);
});

test("prune keeps what a slot is told, what it is asked to keep, and what somebody is making", async () => {
  const p = place();
  const made: { revision: Revision }[] = [];
  for (const id of ["v1", "v2", "v3"]) {
    p.write({ "server.js": id });
    made.push(await p.ready(id));
  }
  const [v1, v2, v3] = made.map((one) => one.revision) as [Revision, Revision, Revision];
  const slots = {
    blue: { version: 1, want: { revision: v1, replicas: 0, checks: {} }, replicas: [] },
    green: { version: 0, replicas: [] },
  };
  writeFileSync(p.layout.slotsFile, JSON.stringify({ format: 1, fence: 1, slots }));
  mkdirSync(join(p.layout.releases, ".new-1-a"));
  mkdirSync(join(p.layout.releases, ".new-1-b"));
  utimesSync(join(p.layout.releases, ".new-1-b"), 0, 0);
  expect(pruneReleases(p.layout, [v2], Date.now()).toSorted()).toEqual([".new-1-b", releaseName(v3)]);
  expect(readdirSync(p.layout.releases).toSorted()).toEqual([".new-1-a", releaseName(v1), releaseName(v2)]);
  writeFileSync(p.layout.slotsFile, "{ not json");
  expect(() => pruneReleases(p.layout, [], Date.now())).toThrow();
  expect(recallRelease(p.layout, v1)).toMatchObject({ is: "ready" });
});

test("a state directory that is a file is refused, and the file stays", async () => {
  const p = place();
  p.write({ "server.js": "one" });
  rmSync(p.layout.root, { recursive: true });
  writeFileSync(p.layout.root, "mine");
  expect(await p.prepare("v1")).toMatchObject({ is: "refused", cause: { code: "TEAL-L111" } });
  expect(readFileSync(p.layout.root, "utf8")).toBe("mine");
});
