/** What the process tells its caller. */
export const EXIT = {
  done: 0,
  bug: 1,
  userError: 2,
  /** Finished, but some inputs failed; each was reported. */
  someFailed: 3,
  interrupted: 130,
} as const;
