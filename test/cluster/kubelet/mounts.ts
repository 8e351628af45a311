/** A folder that a container sees at a path of its own. */
export interface Mount {
  readonly from: string;
  readonly at: string;
}

/**
 * Gives a program a root of its own: links to everything of this machine, and the container's volumes in folders of
 * their own. (An overlay of the machine's root would keep writes apart too, but only root may make one.) Arguments:
 * scratch folder, pairs of volume and path, "--", working directory, program.
 */
const SCRIPT = `
scratch=$1; shift
mount -t tmpfs tmpfs "$scratch"
root=$scratch/root
mkdir -p "$root/.machine"
mount --rbind / "$root/.machine"

# Links everything that the machine has in a folder.
fill() (
  folder=\${1%/}; shift
  for each in "$folder"/* "$folder"/.[!.]*; do
    if [ -e "$each" ] || [ -L "$each" ]; then set -- "$@" "/.machine$each"; fi
  done
  [ $# -eq 0 ] || ln -s -t "$root$folder/" "$@"
)
# Makes a folder of the root one of its own instead of a link.
own() {
  if [ -d "$root$1" ] && [ ! -L "$root$1" ]; then return; fi
  own "$(dirname "$1")"
  rm -f "$root$1"
  mkdir "$root$1"
  fill "$1"
}

fill /
while [ "$1" != -- ]; do
  at=$(readlink -m "$2")
  own "$(dirname "$at")"
  if [ -L "$root$at" ]; then rm "$root$at"; fi
  if [ -d "$1" ]; then mkdir -p "$root$at"; else : >"$root$at"; fi
  mount --bind "$1" "$root$at"
  shift 2
done; shift
exec chroot "$root" env --chdir="$@"
`;

/** The command line that runs `command` in `directory` with these mounts; it needs the right to mount. */
export function withMounts(
  command: readonly string[],
  directory: string,
  scratch: string,
  mounts: readonly Mount[],
): readonly string[] {
  const pairs = mounts.flatMap(({ from, at }) => [from, at]);
  const enter = ["unshare", "--mount", "sh", "-ec", SCRIPT, "sh", scratch];
  return [...enter, ...pairs, "--", directory, ...command];
}
