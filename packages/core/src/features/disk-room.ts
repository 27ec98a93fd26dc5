import { statfsSync } from "node:fs";
import { expected, FeatureStoreError } from "../errors.js";

/** What LMDB writes besides values: its lock file, which it maps, and the tree. */
const SPARE_BYTES = 1 << 20;

/**
 * Looks whether the disk has room before LMDB writes: what it meets on a full one takes the process down.
 * @param bytes of values that are going to be written
 * @throws FeatureStoreError
 */
export function checkRoom(directory: string, bytes: number): void {
  const room = roomAt(directory);
  if (room !== undefined && room < bytes + SPARE_BYTES) {
    throw diskFull(directory, `${room} bytes of room`, bytes + SPARE_BYTES);
  }
}

/** For what goes wrong all the same: a quota, or another process that fills the disk. */
export function writingFailed(directory: string, cause: unknown): FeatureStoreError {
  const { message } = cause as Error;
  return new FeatureStoreError(expected("a disk that takes what is written", directory, message), {
    hint: "Perhaps the disk is full or a quota is used up: make room and run the command again. What was encoded is kept.",
    cause,
  });
}

function diskFull(directory: string, actual: string, bytes: number): FeatureStoreError {
  return new FeatureStoreError(expected(`room for ${bytes} bytes`, directory, actual), {
    hint: "The disk is full: make room and run the command again. What was encoded is kept.",
  });
}

/** Undefined where the system does not tell: some network disks say that they have no blocks at all. */
function roomAt(directory: string): number | undefined {
  try {
    const { bavail, bsize, blocks } = statfsSync(directory);
    return blocks > 0 ? bavail * bsize : undefined;
  } catch {
    return undefined;
  }
}
