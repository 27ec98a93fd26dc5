/** The system's page cache, file by file: a cold read is only cold when the file is not in it. */
import { spawnSync } from "node:child_process";

/**
 * Puts a file's pages out of the cache (GNU dd asks by posix_fadvise; no rights are needed, other files stay).
 * @returns whether that could be asked for
 */
export function evict(path: string): boolean {
  return spawnSync("dd", [`if=${path}`, "iflag=nocache", "count=0"]).status === 0;
}

/** Share of a file that is in the cache; undefined where util-linux's fincore is not there. */
export function cachedShare(path: string): number | undefined {
  const { status, stdout } = spawnSync("fincore", ["--bytes", "--noheadings", "--output", "RES,SIZE", path], {
    encoding: "utf8",
  });
  const [resident, size] = stdout?.trim().split(/\s+/).map(Number) ?? [];
  return status === 0 && resident !== undefined && size ? resident / size : undefined;
}
