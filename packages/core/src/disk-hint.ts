/** By the codes of Node's file system errors. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: make room and try again; a training goes on with --resume.",
  EDQUOT: "The disk quota is used up: make room and try again; a training goes on with --resume.",
  EACCES: "Choose a folder that you may write to.",
  EPERM: "Choose a folder that you may write to.",
  EROFS: "The disk is read-only: choose another folder.",
  // What making a folder and its parents says of a disk that is read-only.
  ENOENT: "No folder can be made there, perhaps because the disk is read-only: choose another folder.",
  EEXIST: "A file is in the way: choose another folder.",
  ENOTDIR: "A file is in the way: choose another folder.",
  ENOTEMPTY: "A folder is in the way: choose another one.",
  EBUSY: "The folder is in use, perhaps as the root of a disk: choose another one.",
  ENAMETOOLONG: "Choose a shorter name.",
};

/** What to do about a refusal of the file system; undefined for what no user can cure. */
export function diskHint(code: string | undefined): string | undefined {
  return HINTS[code ?? ""];
}
