import { diskHint } from "./disk-hint.js";
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
    const hint = diskHint((cause as NodeJS.ErrnoException | null)?.code);
    if (hint === undefined) throw cause;
    throw new Kind(expected("a place to write to", path, (cause as Error).message), { hint, cause });
  }
}
