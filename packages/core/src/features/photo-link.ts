import { readFileSync, statSync } from "node:fs";
import { sha256Of } from "../checkpoint/safetensors.js";

/** A file's signs of change, cheap to look at. */
interface FileState {
  /** Length of the file. */
  readonly bytes: number;
  /** When its content was last written, in milliseconds since 1970: anybody may set it, and archives do. */
  readonly modified?: number;
  /** When its content, name or rights were last changed: nobody can set it. */
  readonly changed?: number;
}

/** Which image file an id stood for when it was last looked at. Stores of older versions have no times. */
export interface StoredLink extends FileState {
  /** Of the file's bytes. */
  readonly sha256: string;
}

/** Undefined where there is no file, or none that may be looked at. */
export function fileState(path: string): FileState | undefined {
  try {
    const { size, mtimeMs, ctimeMs } = statSync(path);
    return { bytes: size, modified: mtimeMs, changed: ctimeMs };
  } catch {
    return undefined;
  }
}

/** Whether nobody wrote to the file since: that is not known of a link without times. */
export function isUnchanged(link: FileState, state: FileState): boolean {
  return link.bytes === state.bytes && link.modified === state.modified && link.changed === state.changed;
}

/** Hashes a file whose state is given. Undefined where it cannot be read. */
export function linkTo(path: string, state: FileState): StoredLink | undefined {
  try {
    const bytes = readFileSync(path);
    return { ...state, sha256: sha256Of(bytes), bytes: bytes.byteLength };
  } catch {
    return undefined;
  }
}
