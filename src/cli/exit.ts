/** How a command ended, as its exit status tells. Scripts rely on these numbers: none ever changes its meaning. */
export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  refused: 3,
  reverted: 4,
  human: 5,
  waiting: 6,
  busy: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each status means, for `--help` and the docs. */
export const EXIT_MEANING = {
  done: "done",
  bug: "a bug in Teal",
  usage: "wrong usage or configuration",
  refused: "refused before any write",
  reverted: "rejected or reverted; the previous revision serves",
  human: "a human is needed; what serves is stated",
  waiting: "waiting for an answer, or going on in the background",
  busy: "another deployment holds the service",
  interrupted: "interrupted; the deployment is open and can be resumed",
} as const satisfies Record<keyof typeof EXIT, string>;
