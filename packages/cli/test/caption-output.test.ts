import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND, isUserError, PHOTOS, runCli } from "./run-cli.js";

const CAT = join(PHOTOS, "cat.jpg");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "showtell-caption-output-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const captionPhotos = (inputs: readonly string[], flags: readonly string[] = []) =>
  runCli(["caption", ...inputs, ...flags]);

describe("the output of showtell caption", () => {
  it("writes one header, however early the run before was stopped", async () => {
    const output = join(folder, "early.csv");
    const args = ["--format", "csv", "--output", output];
    await captionPhotos([CAT], args);
    const text = await readFile(output, "utf8");
    await rm(output);
    for (const left of ["", "image,ra", text.slice(0, text.indexOf("\n") + 1)]) {
      await writeFile(`${output}.partial`, left);
      const { code } = await captionPhotos([CAT], [...args, "--resume"]);
      expect(code).toBe(0);
      expect(await readFile(output, "utf8")).toBe(text);
      await rm(output);
    }
  });

  it("tries photos again that an earlier run could not caption, and forgets that they failed", async () => {
    const [photos, output] = [join(folder, "mended"), join(folder, "mended.jsonl")];
    await mkdir(photos);
    await writeFile(join(photos, "a.jpg"), "not a photo yet");
    await copyFile(CAT, join(photos, "b.jpg"));
    const args = ["--format", "jsonl", "--output", output, "--resume"];
    const imagesAndErrors = async () =>
      (await readFile(output, "utf8"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .map(({ image, error }) => [image, error !== undefined]);
    for (let run = 0; run < 2; run++) {
      expect((await captionPhotos([photos], args)).code).toBe(3);
      expect(Object.fromEntries(await imagesAndErrors())).toEqual({
        [join(photos, "a.jpg")]: true,
        [join(photos, "b.jpg")]: false,
      });
    }
    await copyFile(join(PHOTOS, "tower.jpg"), join(photos, "a.jpg"));
    const { code, stderr } = await captionPhotos([photos], args);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("tried again");
    expect(await imagesAndErrors()).toEqual([
      [join(photos, "b.jpg"), false],
      [join(photos, "a.jpg"), false],
    ]);
  });

  it("refuses to go on with a file of something else, and leaves it as it is, and nothing beside it", async () => {
    const place = join(folder, "foreign");
    await mkdir(place);
    const output = join(place, "notes.jsonl");
    await writeFile(output, "garbage\n");
    const args = ["--format", "jsonl", "--output", output, "--resume"];
    const result = await captionPhotos([CAT], args);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(await readdir(place)).toEqual(["notes.jsonl"]);
    expect(await readFile(output, "utf8")).toBe("garbage\n");
  });

  it("refuses to write over a photo that it shall caption", async () => {
    const photo = join(folder, "me.jpg");
    await copyFile(CAT, photo);
    const result = await captionPhotos([photo], ["--output", photo]);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(await readFile(photo)).toEqual(await readFile(CAT));
  });

  it("keeps a photo on its line of text, whatever its name", async () => {
    const photos = join(folder, "names");
    await mkdir(photos);
    for (const name of ["a\nb.jpg", "c.jpg"]) await copyFile(CAT, join(photos, name));
    const { stdout } = await captionPhotos([photos]);
    expect(stdout.trim().split("\n")).toHaveLength(2);
    expect(stdout).toContain("a\\nb.jpg\t");
  });

  it.skipIf(!existsSync("/dev/full"))(
    "answers a full disk under standard output with one line (needs /dev/full)",
    async () => {
      const full = await open("/dev/full", "w");
      try {
        for (const command of [["caption", CAT], ["encoder", "list"], ["--help"]]) {
          const { code, stderr } = await runInto(full.fd, command);
          expect(code, stderr).toBe(2);
          expect(stderr).toMatch(
            /^error Expected a place to write to for standard output but received .+\nHint: The disk is full.+\n$/,
          );
        }
      } finally {
        await full.close();
      }
    },
  );
});

/** Runs the command with its results into an open file. */
function runInto(results: number, args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: ["ignore", results, "pipe"] });
    let stderr = "";
    child.stderr!.on("data", (chunk) => {
      stderr += chunk;
    });
    child.once("close", (code) => resolve({ code, stderr }));
  });
}
