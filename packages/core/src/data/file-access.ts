import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { DatasetError, expected } from "../errors.js";

const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "a directory",
  ENOTDIR: "a path through a file",
  EACCES: "permission denied",
  EPERM: "permission denied",
};

/** A DatasetError for a file system error; any other error comes back as it is. */
export function unreadableFile(file: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  return new DatasetError(expected("a readable file", file, FAULTS[code] ?? code), {
    hint: "Check the path and its permissions.",
    cause: error,
  });
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "syscall" in error && "code" in error ? String(error.code) : undefined;
}

export async function pathKind(path: string): Promise<"file" | "directory" | undefined> {
  try {
    const status = await stat(path);
    return status.isDirectory() ? "directory" : "file";
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof TypeError) throw error;
    return undefined;
  }
}

/** The first bytes of a file, at most `limit`. */
export async function readStart(path: string, limit: number): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const { bytesRead, buffer } = await file.read(Buffer.alloc(limit), 0, limit, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw unreadableFile(path, error);
  } finally {
    await file?.close();
  }
}

/** Names in a directory, sorted, files apart from directories; links are followed. */
export async function listDirectory(path: string): Promise<{ files: string[]; directories: string[] }> {
  const files: string[] = [];
  const directories: string[] = [];
  let entries: import("node:fs").Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    throw unreadableFile(path, error);
  }
  for (const entry of entries) {
    const kind = entry.isSymbolicLink()
      ? await pathKind(`${path}/${entry.name}`)
      : entry.isDirectory()
        ? "directory"
        : "file";
    if (kind === "directory") directories.push(entry.name);
    else if (kind === "file") files.push(entry.name);
  }
  return { files: files.sort(), directories: directories.sort() };
}
