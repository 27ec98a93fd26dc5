import { closeSync, fstatSync, openSync } from "node:fs";
import { expected, FeatureStoreError } from "../errors.js";
import { readMeta } from "./lmdb-page.js";

/** Pages freed by the commit that made them are never written: a sound file may end a little before its last page. */
const UNWRITTEN_BYTES = 1 << 20;

/**
 * Looks at an LMDB file before it is mapped: LMDB itself takes the process down when it meets a foreign or truncated one.
 * @throws FeatureStoreError
 */
export function checkStoreFile(path: string, directory: string): void {
  const file = openOrExplain(path, directory);
  try {
    const meta = readMeta(file);
    if (meta === undefined) throw damaged(directory, "a file of another kind");
    const { size } = fstatSync(file);
    const complete = (meta.lastPage + 1) * meta.pageSize;
    if (size + UNWRITTEN_BYTES < complete) throw damaged(directory, `${size} of ${complete} bytes`);
  } finally {
    closeSync(file);
  }
}

function openOrExplain(path: string, directory: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const actual = code === "EACCES" ? "permission denied" : message;
    throw new FeatureStoreError(expected("a readable feature store", directory, actual), {
      hint: "Check the folder and its permissions.",
      cause,
    });
  }
}

function damaged(directory: string, actual: string): FeatureStoreError {
  return new FeatureStoreError(expected("a complete feature store", directory, actual), {
    hint: "Delete the folder and run `showtell encode` again.",
  });
}
