import { randomUUID } from "node:crypto";
import { mkdir, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { syncFolder } from "./checkpoint/replace-directory.js";
import { explainingDiskErrors } from "./disk-errors.js";
import { expected, OptionError, type ShowtellError } from "./errors.js";

export interface CreateDirectoryOptions {
  /** Folders that the new one must not lie in: what it is made from. */
  readonly sources?: readonly string[];
  /** Of errors that the disk makes. */
  readonly kind?: new (
    message: string,
    options: { hint: string; cause?: unknown },
  ) => ShowtellError;
}

/**
 * Makes a folder that is there once it is complete and on disk, or not at all. Nothing that is there already is touched: an empty folder alone gives way.
 * @param write fills the empty folder it is given; use writeSynced for its files
 * @throws OptionError where something is at the target, or it lies in a source; `kind` where the disk refuses
 */
export async function createDirectory(
  target: string,
  write: (folder: string) => Promise<void>,
  { sources = [], kind }: CreateDirectoryOptions = {},
): Promise<void> {
  await explainingDiskErrors(
    target,
    async () => {
      const place = await realPlace(target);
      await checkFree(target, place);
      await checkOutside(target, place, sources);
      await mkdir(dirname(place), { recursive: true });
      // Named like nothing else: whatever lies beside the target is not ours.
      const writing = join(dirname(place), `.${basename(place)}-${randomUUID()}`);
      await mkdir(writing);
      try {
        await write(writing);
        await syncFolder(writing);
        await removeEmpty(place);
        await rename(writing, place);
      } catch (error) {
        await rm(writing, { recursive: true, force: true });
        throw error;
      }
      await syncFolder(dirname(place));
    },
    kind,
  );
}

async function checkFree(target: string, place: string): Promise<void> {
  const found = await readdir(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (found?.length === 0) return;
  throw new OptionError(
    expected("a new or empty folder", target, found ? `a folder with ${found.sort()[0]}` : "a file"),
    { hint: "What is there is kept: name another folder." },
  );
}

async function checkOutside(target: string, place: string, sources: readonly string[]): Promise<void> {
  for (const source of sources) {
    const way = relative(await realPlace(source), place);
    if (way === ".." || way.startsWith(`..${sep}`) || resolve(way) === way) continue;
    throw new OptionError(expected(`a folder outside ${source}`, "the target", target), {
      hint: "Name another folder.",
    });
  }
}

/** Windows renames nothing onto a folder. One that has been filled meanwhile is refused. */
async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/** The path without links, as far as it is there. */
async function realPlace(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    const parent = dirname(absolute);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === absolute) throw error;
    return join(await realPlace(parent), basename(absolute));
  }
}
