import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { completeVersion, replaceDirectory, settleDirectory, writeSynced } from "./replace-directory.js";

describe("replacing a folder", () => {
  let parent: string;
  let target: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "showtell-replace-"));
    target = join(parent, "last");
  });
  afterEach(() => rm(parent, { recursive: true }));

  const put = async (folder: string, text: string) => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "a"), text);
  };
  const text = async (folder: string) => readFile(join(folder, "a"), "utf8");

  it("leaves the new folder and nothing else", async () => {
    for (const version of ["1", "2"])
      await replaceDirectory(target, (folder) => writeSynced(join(folder, "a"), version));
    expect(await text(target)).toBe("2");
    expect(await readdir(parent)).toEqual(["last"]);
  });

  it("keeps the old folder where writing fails", async () => {
    await put(target, "old");
    const failing = replaceDirectory(target, async (folder) => {
      await writeSynced(join(folder, "a"), "half");
      throw new Error("disk full");
    });
    await expect(failing).rejects.toThrow("disk full");
    expect(await text(target)).toBe("old");
    expect(await readdir(parent)).toEqual(["last"]);
  });

  // One case for each moment between two file system calls of replaceDirectory.
  it.each([
    ["while the new folder is written", { last: "old", "last.writing": "half" }, "old"],
    ["when the new folder is complete", { last: "old", "last.next": "new" }, "new"],
    ["when the old folder has been moved away", { "last.previous": "old", "last.next": "new" }, "new"],
    ["before the old folder is removed", { last: "new", "last.previous": "old" }, "new"],
    ["in the middle of settling", { "last.previous": "old" }, "old"],
    ["while the first of all is written", { "last.writing": "half" }, undefined],
  ])("loses nothing to a kill %s", async (_, folders, survivor) => {
    for (const [name, contents] of Object.entries(folders)) await put(join(parent, name), contents!);
    const readable = await completeVersion(target);
    if (survivor) expect(["old", "new"]).toContain(await text(readable));
    await settleDirectory(target);
    expect(await readdir(parent)).toEqual(survivor ? ["last"] : []);
    if (survivor) expect(await text(target)).toBe(survivor);
  });

  it("finds the complete version while the target is away", async () => {
    await put(target, "old");
    await rename(target, `${target}.previous`);
    expect(await completeVersion(target)).toBe(`${target}.previous`);
  });
});
