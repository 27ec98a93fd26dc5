import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { expected, OptionError } from "@showtell/core/errors";
import { explainingDiskErrors } from "../disk-errors.js";

/** @throws OptionError for a name that no file can have, or that something other than a file has */
export async function checkFileName(path: string, option: string): Promise<void> {
  if (path.trim() === "") throw new OptionError(expected("the name of a file", option, path));
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || status.isFile()) return;
  const actual = status.isDirectory() ? `${path}, a folder` : `${path}, which is no file`;
  throw new OptionError(expected("the name of a file", option, actual));
}

/**
 * Refuses, before long work, a file that could not be written after it.
 * @param makesFolder whether the folders that lead there are made where they are missing
 * @throws OptionError
 */
export async function checkWritable(path: string, option: string, { makesFolder = false } = {}): Promise<void> {
  await checkFileName(path, option);
  await explainingDiskErrors(`${option} ${path}`, async () => {
    await access(await folderOf(path, makesFolder), constants.W_OK);
  });
}

async function folderOf(path: string, makesFolder: boolean): Promise<string> {
  const folder = dirname(path);
  const status = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (makesFolder && error.code === "ENOENT" && dirname(folder) !== folder) return undefined;
    throw error;
  });
  if (status === undefined) return folderOf(folder, makesFolder);
  if (!status.isDirectory()) throw Object.assign(new Error(`${folder} is a file`), { code: "ENOTDIR" });
  return folder;
}
