import { accessSync, constants, existsSync } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { RootDatabase } from "lmdb";
import { expected, FeatureStoreError } from "../errors.js";
import { checkStoreFile } from "./check-store-file.js";
import { checkRoom } from "./disk-room.js";

/**
 * Opens the LMDB file of a store. A file that may not be written to, as on a read-only disk, is opened for reading, without a lock.
 * @param create open for writing where that is possible; make the file if there is none
 * @throws FeatureStoreError when there is none (and `create` is off), or it is damaged; where the folder cannot be made, or the disk is full
 */
export async function openDatabase(
  path: string,
  directory: string,
  create: boolean,
): Promise<{ root: RootDatabase<string, string>; writable: boolean }> {
  if (directory === "") {
    throw new FeatureStoreError(expected("the path of a folder", "the feature store", directory), {
      hint: "Name a folder.",
    });
  }
  let writable = create;
  if (existsSync(path)) {
    checkStoreFile(path, directory);
    writable &&= isWritable(path) && isWritable(dirname(path));
  } else if (create) await makeFolder(directory);
  else {
    throw new FeatureStoreError(expected("a feature store", directory, "a folder without one"), {
      hint: "Make one with `showtell encode`.",
    });
  }
  // A lock file that is there has its room.
  if (writable && !(existsSync(path) && existsSync(`${path}-lock`))) checkRoom(directory, 0);
  const { open } = await import("lmdb");
  try {
    // Rows are not read through the map; what is (links, the tree) lies all over the file: reading megabytes ahead of each page would be in vain.
    // (The option is missing in the package's types.)
    // Without batches of LMDB's own making, every failed write is told to the one who made it.
    const batches = { eventTurnBatching: false, cache: false };
    const options = { encoding: "string", maxDbs: 4, readOnly: !writable, noReadAhead: true, ...batches } as const;
    return { root: open<string, string>(path, options), writable };
  } catch (error) {
    throw new FeatureStoreError(
      expected("a feature store", directory, error instanceof Error ? error.message : error),
      {
        hint: "Check the folder, its permissions and its disk, or name another one.",
        cause: error,
      },
    );
  }
}

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const actual = FOLDER_REFUSALS[code ?? ""];
    throw new FeatureStoreError(expected("a folder that can be made", directory, actual ?? message), {
      hint: "Choose another folder for the feature store.",
      cause,
    });
  }
}

const FOLDER_REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EROFS: "a read-only disk",
  EEXIST: "a file",
  ENOTDIR: "a path through a file",
};

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
