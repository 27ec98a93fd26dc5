/**
 * Replacing a folder so that a kill at any moment loses neither the old one nor a complete new one:
 * `x.writing` is filled and synced, renamed to `x.next` (from here on complete), `x` moves to `x.previous`, `x.next` to `x`, `x.previous` is removed.
 */
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** @param write fills the empty folder it is given; use writeSynced for its files */
export async function replaceDirectory(target: string, write: (folder: string) => Promise<void>): Promise<void> {
  await settleDirectory(target);
  const { writing, next, previous } = stagesOf(target);
  await mkdir(writing, { recursive: true });
  try {
    await write(writing);
  } catch (error) {
    await rm(writing, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(writing);
  await rename(writing, next);
  if (await exists(target)) await rename(target, previous);
  await rename(next, target);
  await syncFolder(dirname(target));
  await rm(previous, { recursive: true, force: true });
}

/** Finishes a replacement that was killed, or undoes it where the new folder was not complete. For writers only. */
export async function settleDirectory(target: string): Promise<void> {
  const { writing, next, previous } = stagesOf(target);
  await rm(writing, { recursive: true, force: true });
  if (await exists(next)) {
    if (await exists(target)) {
      await rm(previous, { recursive: true, force: true });
      await rename(target, previous);
    }
    await rename(next, target);
  } else if (!(await exists(target)) && (await exists(previous))) {
    await rename(previous, target);
  }
  await rm(previous, { recursive: true, force: true });
}

/** Where the newest complete version lies, for readers, who change nothing; the target itself where there is none. */
export async function completeVersion(target: string): Promise<string> {
  const { next, previous } = stagesOf(target);
  for (const candidate of [target, next, previous]) if (await exists(candidate)) return candidate;
  return target;
}

/** Writes a file that survives a power cut once this has settled. */
export async function writeSynced(path: string, contents: Uint8Array | string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces one file: the old contents or the new, never half of either. */
export async function replaceFile(path: string, contents: Uint8Array | string): Promise<void> {
  await writeSynced(`${path}.writing`, contents);
  await rename(`${path}.writing`, path);
  await syncFolder(dirname(path));
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Puts renames in a folder on disk. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot sync folders, and need not: its renames are journalled.
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function stagesOf(target: string) {
  const base = target.replace(/[/\\]+$/, "");
  return { writing: `${base}.writing`, next: `${base}.next`, previous: `${base}.previous` };
}
