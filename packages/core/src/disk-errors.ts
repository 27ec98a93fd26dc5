import { CheckpointError, expected, type ShowtellError } from "./errors.js";

/**
 * Runs file system work and turns the refusals that a user can cure into one sentence.
 * @param path where the user wanted something written
 * @param Kind of the error
 * @throws a `Kind` for an empty path, a full or read-only disk, missing permission, or a file where a folder should be; anything else as it is
 */
export async function explainingDiskErrors<T>(
  path: string,
  work: () => Promise<T>,
  Kind: new (message: string, options: { hint: string; cause?: unknown }) => ShowtellError = CheckpointError,
): Promise<T> {
  if (path === "") {
    throw new Kind(expected("the path of a folder", "the folder to write", path), { hint: "Name a folder." });
  }
  try {
    return await work();
  } catch (cause) {
    const hint = diskHint(cause);
    if (hint === undefined) throw cause;
    throw new Kind(expected("a place to write to", path, (cause as Error).message), { hint, cause });
  }
}

/** What to do about an error of the file system; undefined where it is none that a user can cure. */
function diskHint(error: unknown): string | undefined {
  return DISK_HINTS[(error as NodeJS.ErrnoException | null)?.code ?? ""];
}

const DISK_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: make room and try again; a training goes on with --resume.",
  EDQUOT: "The disk quota is used up: make room and try again; a training goes on with --resume.",
  EACCES: "Choose a folder that you may write to.",
  EPERM: "Choose a folder that you may write to.",
  EROFS: "The disk is read-only: choose another folder.",
  // What making a folder and its parents says of a disk that is read-only.
  ENOENT: "No folder can be made there, perhaps because the disk is read-only: choose another folder.",
  EEXIST: "A file is in the way: choose another folder.",
  ENOTDIR: "A file is in the way: choose another folder.",
  ENOTEMPTY: "A folder is in the way: choose another one.",
  EBUSY: "The folder is in use, perhaps as the root of a disk: choose another one.",
  ENAMETOOLONG: "Choose a shorter name.",
};
