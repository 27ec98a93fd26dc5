import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isUserError, PHOTOS, runCli } from "./run-cli.js";
import { type TinyModel, trainTinyModel } from "./tiny-model.js";

let model: TinyModel;
beforeAll(async () => {
  model = await trainTinyModel();
});
afterAll(() => model.remove());

/** `caption <inputs> --model …`: the variadic --model must not swallow the photos. */
const captionPhotos = (inputs: readonly string[], flags: readonly string[] = [], input?: Uint8Array) =>
  runCli(["caption", ...inputs, "--model", model.best, ...flags], input ? { input } : {});

describe("showtell caption", () => {
  it("prints one sentence for one photo, and nothing else on stdout", async () => {
    const { code, stdout } = await captionPhotos([join(PHOTOS, "cat.jpg")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S.*\S\n$/);
  });

  it("captions a folder sorted by name, and the same photo the same way in every format", async () => {
    const text = await captionPhotos([PHOTOS]);
    const jsonl = await captionPhotos([PHOTOS], ["--format", "jsonl"]);
    const json = await captionPhotos([PHOTOS], ["--format", "json"]);
    const csv = await captionPhotos([PHOTOS], ["--format", "csv"]);
    const rows = jsonl.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map(({ image }) => image)).toEqual([...rows.map(({ image }) => image)].sort());
    expect(rows.length).toBe(7);
    expect(JSON.parse(json.stdout)).toEqual(rows);
    expect(text.stdout).toBe(rows.map((row) => `${row.image}\t${row.captions[0].text}\n`).join(""));
    expect(csv.stdout.split("\n").length).toBe(7 + 2);
    expect(csv.stdout).toContain(rows[0].captions[0].text);
  });

  it("gives the n best captions, best first, with confidence", async () => {
    const { stdout } = await captionPhotos(
      [join(PHOTOS, "cat.jpg")],
      ["--n-best", "3", "--beam-width", "5", "--format", "json"],
    );
    const [{ captions }] = JSON.parse(stdout);
    expect(captions.length).toBe(3);
    expect(new Set(captions.map((entry: { text: string }) => entry.text)).size).toBe(3);
    const scores = captions.map((entry: { normalizedScore: number }) => entry.normalizedScore);
    expect(scores).toEqual([...scores].sort((a: number, b: number) => b - a));
    for (const { confidence } of captions) expect(confidence).toBeGreaterThan(0);
    const text = await captionPhotos([join(PHOTOS, "cat.jpg")], ["--confidence"]);
    expect(text.stdout).toMatch(/\t0\.\d{3}\n$/);
  });

  it("ends quietly with 0 when its reader has seen enough", async () => {
    const photos = Array.from({ length: 6 }, () => "cat.jpg").map((name, index) =>
      join(model.folder, `${index}-${name}`),
    );
    await Promise.all(photos.map((path) => copyFile(join(PHOTOS, "cat.jpg"), path)));
    const { code, stderr } = await runCli(["caption", ...photos, "--model", model.best], {
      onStart: (child) => child.stdout?.once("data", () => child.stdout?.destroy()),
    });
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("refuses a folder as its output, before anything is captioned", async () => {
    for (const command of [["caption", join(PHOTOS, "cat.jpg"), "--model", model.best], ["demo"]]) {
      const result = await runCli([...command, "--output", model.folder]);
      expect(result, result.stderr).toSatisfy(isUserError);
      expect(result.stderr).toMatch(/the name of a file for --output but received .*, a folder/);
    }
  });

  it("leaves nothing but its own cache in the user's home: ONNX Runtime's telemetry is off", async () => {
    const home = join(model.folder, "home");
    await mkdir(home);
    const env = { HOME: home, XDG_CACHE_HOME: "", XDG_CONFIG_HOME: "", XDG_DATA_HOME: "", NODE_COMPILE_CACHE: "" };
    const { code, stderr } = await runCli(["caption", join(PHOTOS, "cat.jpg"), "--model", model.best], { env });
    expect([code, stderr]).toEqual([0, ""]);
    const left = await readdir(home, { recursive: true });
    expect(left.filter((path) => !`${path}/`.startsWith(join(".cache", "showtell"))).sort()).toEqual(
      left.includes(".cache") ? [".cache"] : [],
    );
  });

  it("reads standard input, URLs and globs alike", async () => {
    const path = join(PHOTOS, "cat.jpg");
    const bytes = await readFile(path);
    const server = createServer((_, response) => response.end(bytes)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cat.jpg`;
      const [file, stdin, remote, pattern] = await Promise.all([
        captionPhotos([path]),
        captionPhotos(["-"], [], bytes),
        captionPhotos([url]),
        captionPhotos([`${PHOTOS}c[a]t.jpg`]),
      ]);
      expect(stdin.stdout).toBe(file.stdout);
      expect(remote.stdout).toBe(file.stdout);
      expect(pattern.stdout).toBe(file.stdout);
    } finally {
      server.close();
    }
  });

  it("goes on with a half-captioned folder and ends with the file of a run that was left alone", async () => {
    const [whole, resumed] = [join(model.folder, "whole.jsonl"), join(model.folder, "resumed.jsonl")];
    await captionPhotos([PHOTOS], ["--format", "jsonl", "--output", whole]);
    const text = await readFile(whole, "utf8");
    // As a kill leaves it: three photos and a line cut in the middle.
    await writeFile(`${resumed}.partial`, text.slice(0, nthIndex(text, "\n", 3) + 20));
    const { code, stderr } = await captionPhotos([PHOTOS], ["--format", "jsonl", "--output", resumed, "--resume"]);
    expect(code).toBe(0);
    expect(stderr).toContain("3 of 7 photos are captioned already");
    expect(await readFile(resumed, "utf8")).toBe(text);
    const again = await captionPhotos([PHOTOS], ["--format", "jsonl", "--output", resumed, "--resume"]);
    expect(again.code).toBe(0);
    expect(await readFile(resumed, "utf8")).toBe(text);
    await expect(readFile(`${resumed}.partial`)).rejects.toThrow("ENOENT");
    await rename(resumed, `${resumed}.partial`);
    await captionPhotos([PHOTOS], ["--format", "jsonl", "--output", resumed, "--resume"]);
    expect(await readFile(resumed, "utf8")).toBe(text);
  });

  it("writes a page with the photos beside their captions", async () => {
    const page = join(model.folder, "page.html");
    await captionPhotos([PHOTOS], ["--format", "html", "--output", page]);
    const html = await readFile(page, "utf8");
    expect(html.match(/<figure>/g)?.length).toBe(7);
    expect(html).toContain("</html>");
  });

  it("reports photos it cannot read, captions the others, and exits with 3", async () => {
    const folder = join(model.folder, "mixed");
    await mkdir(folder, { recursive: true });
    const photo = await readFile(join(PHOTOS, "cat.jpg"));
    await copyFile(join(PHOTOS, "cat.jpg"), join(folder, "a-good.jpg"));
    await writeFile(join(folder, "b-truncated.jpg"), photo.subarray(0, photo.length / 3));
    await writeFile(join(folder, "c-text.jpg"), "this is not a photo\n");
    await writeFile(join(folder, "d-empty.jpg"), "");
    await writeFile(join(folder, "e-bomb.png"), pngHeader(30_000, 30_000));
    const { code, stdout, stderr } = await captionPhotos([folder], ["--format", "jsonl"]);
    expect(code).toBe(3);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => "error" in row)).toEqual([false, true, true, true, true]);
    for (const { error } of rows.slice(1)) expect(error).toMatch(/^Expected .+ but received .+\.$/);
    expect(stderr.match(/^warning /gm)?.length).toBe(4);
  });

  it.each([
    ["a missing file", ["no-such-photo.jpg"], []],
    ["a pattern without matches", ["no-such-*.jpg"], []],
    ["beam width 0", [join(PHOTOS, "cat.jpg")], ["--beam-width", "0"]],
    ["more captions than the beam holds", [join(PHOTOS, "cat.jpg")], ["--n-best", "9"]],
    ["a banned word nobody knows", [join(PHOTOS, "cat.jpg")], ["--ban", "zyzzyva"]],
    ["an unknown format", [join(PHOTOS, "cat.jpg")], ["--format", "yaml"]],
    ["confidence where it always is", [join(PHOTOS, "cat.jpg")], ["--confidence", "--format", "json"]],
    ["an output without a name", [join(PHOTOS, "cat.jpg")], ["--output", ""]],
    ["--resume without --output", [join(PHOTOS, "cat.jpg")], ["--resume"]],
    ["--resume of a page", [join(PHOTOS, "cat.jpg")], ["--resume", "--format", "html", "--output", "page.html"]],
  ])("answers %s with one line and exit code 2", async (_, inputs, flags) => {
    const result = await captionPhotos(inputs, flags);
    expect(result, result.stderr).toSatisfy(isUserError);
  });

  it("answers a folder without images with one line and exit code 2", async () => {
    const empty = join(model.folder, "empty");
    await mkdir(empty, { recursive: true });
    const result = await captionPhotos([empty]);
    expect(result, result.stderr).toSatisfy(isUserError);
  });

  it("leaves no half-written output when it fails", async () => {
    const output = join(model.folder, "never.json");
    await captionPhotos([join(PHOTOS, "cat.jpg")], ["--format", "json", "--output", output, "--ban", "zyzzyva"]);
    await expect(readFile(output)).rejects.toThrow("ENOENT");
    await expect(readFile(`${output}.partial`)).rejects.toThrow("ENOENT");
  });
});

function nthIndex(text: string, part: string, n: number): number {
  let index = -1;
  for (let i = 0; i < n; i++) index = text.indexOf(part, index + 1);
  return index;
}

/** A PNG that claims a size and holds nothing. */
function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.alloc(33);
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]).copy(header);
  header.write("IHDR", 12);
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  header.set([8, 2, 0, 0, 0], 24);
  return header;
}
