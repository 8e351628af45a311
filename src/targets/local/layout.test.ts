import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stateDirectory } from "./layout.ts";

test.each([
  [{ TEAL_STATE_DIR: "/var/teal", XDG_STATE_HOME: "/x" }, "/var/teal"],
  [{ TEAL_STATE_DIR: "state/here" }, join(process.cwd(), "state/here")],
  [{ XDG_STATE_HOME: "/x" }, "/x/teal"],
  [{ TEAL_STATE_DIR: "", XDG_STATE_HOME: "" }, join(homedir(), ".local/state/teal")],
  [{}, join(homedir(), ".local/state/teal")],
])("%o puts the state at %s", (env, folder) => {
  expect(stateDirectory(env)).toBe(folder);
});
