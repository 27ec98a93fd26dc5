import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OptionError } from "@showtell/core/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expandImageInputs, refuseInputAsOutput } from "./image-inputs.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "showtell-inputs-"));
  await mkdir(join(folder, "sub"));
  for (const name of ["b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.webp"])
    await writeFile(join(folder, name), "");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const idsOf = async (...inputs: string[]) => (await expandImageInputs(inputs)).map(({ id }) => id);
const inFolder = (...names: string[]) => names.map((name) => join(folder, name));

describe("expandImageInputs", () => {
  it("finds the photos of a folder and its subfolders, sorted", async () => {
    expect(await idsOf(folder)).toEqual(inFolder("a.PNG", "b.jpg", "sub/c.webp"));
  });

  it("follows links, but looks into no folder twice", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "showtell-elsewhere-"));
    try {
      await writeFile(join(elsewhere, "d.jpg"), "");
      await symlink(".", join(folder, "loop"));
      await symlink("sub", join(folder, "again"));
      await symlink(folder, join(folder, "sub", "up"));
      await symlink(elsewhere, join(folder, "elsewhere"));
      await symlink(join(elsewhere, "d.jpg"), join(folder, "e.jpg"));
      await symlink("nowhere.jpg", join(folder, "broken.jpg"));
      const found = inFolder("a.PNG", "b.jpg", "e.jpg", "elsewhere/d.jpg", "sub/c.webp");
      expect(await idsOf(folder)).toEqual(found);
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });

  it("names what an absolute pattern matches by absolute paths", async () => {
    expect(await idsOf(join(folder, "*.{jpg,png}"))).toEqual(inFolder("a.PNG", "b.jpg"));
  });

  it("takes a URL for one however its scheme is written", async () => {
    expect(await idsOf("HTTP://example.org/cat.jpg")).toEqual(["HTTP://example.org/cat.jpg"]);
  });
});

describe("refuseInputAsOutput", () => {
  it("refuses a photo by any of its names, and lets other files and new ones be", async () => {
    const photos = await expandImageInputs([folder]);
    await link(join(folder, "b.jpg"), join(folder, "other-name"));
    await symlink("b.jpg", join(folder, "link"));
    for (const name of ["b.jpg", "other-name", "link", "sub/../b.jpg"])
      await expect(refuseInputAsOutput(`${folder}/${name}`, photos)).rejects.toThrow(OptionError);
    for (const name of ["notes.txt", "new.txt"]) await refuseInputAsOutput(join(folder, name), photos);
  });
});
