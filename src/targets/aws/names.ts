/** Keys of the tags that Teal reads and writes. Values on an Auto Scaling group are at most 256 characters. */
export const TAGS = {
  /** On both Auto Scaling groups, by whoever made them: the service's name. */
  service: "teal.dev/service",
  /** Likewise: `blue` or `green`. */
  slot: "teal.dev/slot",
  /** On a slot's Auto Scaling group: what it runs, as JSON `{id, config, version}` (version of its launch template). */
  revision: "teal.dev/revision",
  /** On a slot's Auto Scaling group: its bounds as Teal set them and as they are to be, see slots/capacity.ts. */
  capacity: "teal.dev/capacity",
  /** On a slot's Auto Scaling group, with `-1` to `-10` added: whose protection Teal changed, see slots/guards.ts. */
  guards: "teal.dev/guards",
  /** On both target groups: the highest fence that was claimed. */
  fence: "teal.dev/fence",
} as const;
