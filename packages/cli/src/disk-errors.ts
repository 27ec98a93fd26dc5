import { diskHint, expected, OptionError } from "@showtell/core/errors";

/** SQLite's own codes, by what Node would have said. */
const OF_SQLITE: Readonly<Record<string, string>> = {
  SQLITE_FULL: "ENOSPC",
  SQLITE_READONLY: "EROFS",
  SQLITE_CANTOPEN: "ENOENT",
};

/**
 * A refusal of the file system that the user can cure, as the one line it deserves; anything else as it is.
 * @param name what was written to: an option and its path, or standard output
 */
export function explainDiskError(cause: unknown, name: string): unknown {
  if (!(cause instanceof Error) || !("code" in cause)) return cause;
  const code = String(cause.code);
  const hint = diskHint(OF_SQLITE[code] ?? code);
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
