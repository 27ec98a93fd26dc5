import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DatasetImage, Random } from "@showtell/core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXAMPLE } from "../report/example-report.js";
import { makePictures } from "./report-pictures.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "showtell-pictures-"));
  // Noise: no photo is harder to compress.
  const random = new Random(1);
  const noise = Buffer.from(Uint8Array.from({ length: 500 * 400 * 3 }, () => random.integer(256)));
  await sharp(noise, { raw: { width: 500, height: 400, channels: 3 } })
    .png()
    .toFile(join(folder, "noise.png"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const [caption] = EXAMPLE.captions as [(typeof EXAMPLE.captions)[number]];
const OPTIONS = {
  attendedRegion: "whole" as const,
  progress: { update: () => {}, stop: () => {} },
  signal: new AbortController().signal,
};

/** Pictures of captions whose photos have these file names; the first is shown. */
async function picturesOf(names: readonly string[]) {
  const captions = names.map((id) => ({ ...caption, id }));
  const images = new Map<string, DatasetImage>(
    names.map((id) => [id, { id, path: join(folder, id), captions: [], split: "dev" }]),
  );
  const shown = { sample: names.slice(0, 1), best: [], worst: [], uncertain: [] };
  return makePictures({ captions, shown }, images, OPTIONS);
}

describe("the pictures of a report", () => {
  it("are so small that a thousand photos, were they noise, stay below 15 MB", async () => {
    const { pictures } = await picturesOf(["noise.png"]);
    const [small, large] = [pictures.small.get("noise.png")!, pictures.large.get("noise.png")!];
    expect([small.width, small.height]).toEqual([96, 77]);
    expect([large.width, large.height]).toEqual([400, 320]);
    expect(1000 * small.url.length + 48 * large.url.length).toBeLessThan(14e6);
  });

  it("name photos that are missing, and go on", async () => {
    const { pictures, missing } = await picturesOf(["nowhere.jpg", "noise.png"]);
    expect(missing).toEqual(["nowhere.jpg"]);
    expect([...pictures.small.keys()]).toEqual(["noise.png"]);
    expect(pictures.large.size).toBe(0);
  });

  it("shade each word's photo: the cell with most attention is clear, one with none is dark, in rows from the top left", async () => {
    const words = [{ word: "dog", probability: 0.5, attention: [0, 0.2, 0.8, 0] }];
    const captions = [{ ...caption, id: "noise.png", words }];
    const images = new Map([
      ["noise.png", { id: "noise.png", path: join(folder, "noise.png"), captions: [], split: "dev" as const }],
    ]);
    const shown = { sample: ["noise.png"], best: [], worst: [], uncertain: [] };
    const { pictures } = await makePictures({ captions, shown }, images, OPTIONS);
    const [shade] = pictures.shades.get("noise.png")!;
    const { data, info } = await sharp(Buffer.from(shade!.split(",")[1]!, "base64"))
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([2, 2]);
    const darkness = [0, 1, 2, 3].map((cell) => data[cell * 4 + 3]!);
    expect(darkness).toEqual([204, 153, 0, 204]);
  });
});
