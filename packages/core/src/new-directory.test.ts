import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { explainingDiskErrors } from "./disk-errors.js";
import { CheckpointError, EncoderError, OptionError } from "./errors.js";
import { createDirectory } from "./new-directory.js";

let parent: string;
beforeEach(async () => {
  parent = await realpath(await mkdtemp(join(tmpdir(), "showtell-new-")));
});
afterEach(() => rm(parent, { recursive: true }));

const fill = (folder: string) => writeFile(join(folder, "a"), "new");

/** Every file below the parent, and what it says. */
async function contents(): Promise<Record<string, string>> {
  const entries = await readdir(parent, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file.slice(parent.length + 1), await readFile(file, "utf8")])),
  );
}

describe("making a new folder", () => {
  it("makes it with its parents, or fills an empty one", async () => {
    await mkdir(join(parent, "empty"));
    await createDirectory(join(parent, "empty/"), fill);
    await createDirectory(join(parent, "a", "b"), fill);
    expect(await contents()).toEqual({ "empty/a": "new", "a/b/a": "new" });
    expect((await readdir(parent)).sort()).toEqual(["a", "empty"]);
  });

  it("touches nothing that is there, whatever it is called", async () => {
    const before: Record<string, string> = { file: "mine", "folder/notes.txt": "mine" };
    for (const stage of ["writing", "next", "previous"]) before[`target.${stage}/notes.txt`] = "mine";
    for (const [name, text] of Object.entries(before)) {
      await mkdir(join(parent, name, ".."), { recursive: true });
      await writeFile(join(parent, name), text);
    }
    await symlink(join(parent, "folder"), join(parent, "link"));
    for (const taken of ["file", "folder", "link", "folder/../folder", ".", "file/below"]) {
      await expect(createDirectory(`${parent}/${taken}`, fill), taken).rejects.toThrow(
        /^Expected .+ but received .+\.$/,
      );
    }
    await expect(createDirectory(join(parent, "folder"), fill)).rejects.toBeInstanceOf(OptionError);
    await createDirectory(join(parent, "target"), fill);
    expect(await contents()).toEqual({ ...before, "target/a": "new" });
  });

  it("leaves nothing where writing fails, and keeps what another put there meanwhile", async () => {
    const failing = createDirectory(join(parent, "target"), async (folder) => {
      await fill(folder);
      throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    });
    await expect(failing).rejects.toMatchObject({ hint: expect.stringContaining("The disk is full") });
    expect(await readdir(parent)).toEqual([]);
    const late = createDirectory(join(parent, "target"), async (folder) => {
      await fill(folder);
      await mkdir(join(parent, "target"));
      await writeFile(join(parent, "target", "other"), "other");
    });
    await expect(late).rejects.toThrow(/a place to write to/);
    expect(await contents()).toEqual({ "target/other": "other" });
  });

  it("refuses a place in a folder that it is made from, by whatever path", async () => {
    await mkdir(join(parent, "source"));
    await symlink(join(parent, "source"), join(parent, "link"));
    for (const [target, source] of [
      ["source/new", "source"],
      ["link/new", "source"],
      ["source/a/b", "link"],
    ]) {
      const making = createDirectory(join(parent, target!), fill, { sources: [join(parent, source!)] });
      await expect(making).rejects.toThrow(/a folder outside .+ for the target/);
    }
    await createDirectory(join(parent, "source-2"), fill, { sources: [join(parent, "source")] });
    await createDirectory(join(parent, "..source"), fill, { sources: [join(parent, "source")] });
  });
});

describe("errors of the disk", () => {
  it.each(["ENOSPC", "EROFS", "EACCES", "ENOENT", "EBUSY", "ENOTDIR"])("explains %s in one line", async (code) => {
    const failing = async () => {
      throw Object.assign(new Error(`${code}: mkdir '/ro/x'`), { code });
    };
    const error = await explainingDiskErrors("/ro/x", failing, EncoderError).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(EncoderError);
    expect((error as EncoderError).message).toMatch(/^Expected a place to write to for \/ro\/x but received .+\.$/);
    expect((error as EncoderError).hint).toBeTruthy();
  });

  it("refuses an empty path before anything is done, and lets faults through", async () => {
    const unused = () => Promise.reject(new Error("unused"));
    await expect(explainingDiskErrors("", unused)).rejects.toBeInstanceOf(CheckpointError);
    await expect(createDirectory("", unused)).rejects.toBeInstanceOf(CheckpointError);
    await expect(explainingDiskErrors("x", unused)).rejects.toThrow("unused");
  });
});
