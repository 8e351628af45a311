/** A folder that a container sees at a path of its own. */
export interface Mount {
  readonly from: string;
  readonly at: string;
}

/**
 * Gives a program a root of its own: everything of this machine, what the program writes kept apart (except below
 * the paths named `shared`), and the container's volumes. Arguments: scratch folder, shared paths, "--", pairs of
 * folder and path, "--", working directory, program.
 */
const SCRIPT = `
scratch=$1; shift
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
root=$scratch/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
# Other file systems are no part of the lower layer.
for path in /proc /sys /dev; do mount --rbind "$path" "$root$path"; done
while [ "$1" != -- ]; do mount --rbind "$1" "$root$1"; shift; done; shift
while [ "$1" != -- ]; do
  # Within the root, or a link on the way (/var/run) would lead out of it.
  at=$(chroot "$root" sh -ec 'mkdir -p "$1"; readlink -f "$1"' sh "$2")
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
  shared: readonly string[],
  mounts: readonly Mount[],
): readonly string[] {
  const pairs = mounts.flatMap(({ from, at }) => [from, at]);
  const enter = ["unshare", "--mount", "sh", "-ec", SCRIPT, "sh", scratch];
  return [...enter, ...shared, "--", ...pairs, "--", directory, ...command];
}
