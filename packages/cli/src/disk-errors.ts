import { expected, OptionError } from "@showtell/core/errors";

const FULL = "The disk is full: make room and run the command again.";
const FORBIDDEN = "Choose a folder that you may write to.";
const READ_ONLY = "The disk is read-only: choose another folder.";
const IN_THE_WAY = "A file is in the way: choose another folder.";

/** By the codes of Node and of SQLite. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  SQLITE_FULL: FULL,
  EDQUOT: "The disk quota is used up: make room and run the command again.",
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: READ_ONLY,
  SQLITE_READONLY: READ_ONLY,
  EEXIST: IN_THE_WAY,
  ENOTDIR: IN_THE_WAY,
  // Making folders on a read-only disk is answered so too.
  ENOENT: "Choose a folder that is there and can be written to.",
  SQLITE_CANTOPEN: "Choose a folder that is there and can be written to.",
  ENAMETOOLONG: "Choose a shorter name.",
};

/**
 * A refusal of the file system that the user can cure, as the one line it deserves; anything else as it is.
 * @param name what was written to: an option and its path, or standard output
 */
export function explainDiskError(cause: unknown, name: string): unknown {
  if (!(cause instanceof Error) || !("code" in cause)) return cause;
  const hint = HINTS[String(cause.code)];
  if (hint === undefined) return cause;
  return new OptionError(expected("a place to write to", name, cause.message), { hint, cause });
}

/** Runs work and explains the refusals of the file system: see explainDiskError. */
export async function explainingDiskErrors<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw explainDiskError(cause, name);
  }
}
