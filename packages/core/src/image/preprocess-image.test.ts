import { readFileSync } from "node:fs";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ImageError } from "../errors.js";
import { preprocessImage, type Resize } from "./preprocess-image.js";

const SQUASH: Resize = { fit: "squash", filter: "cubic" };

/** A photo with one colour in each quarter: red, green / blue, white. */
function quarters(width: number, height: number) {
  const data = Buffer.alloc(width * height * 3);
  const colours = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
  ] as const;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data.set(colours[(y * 2 >= height ? 2 : 0) + (x * 2 >= width ? 1 : 0)]!, (y * width + x) * 3);
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Colours in the middle of the four quarters, rounded to 0 or 1. */
function corners(pixels: Uint8Array, size: number): string[] {
  const low = size >> 2;
  const high = size - low - 1;
  return [
    [low, low],
    [low, high],
    [high, low],
    [high, high],
  ].map(([y = 0, x = 0]) => [0, 1, 2].map((c) => Math.round(pixels[(y * size + x) * 3 + c]! / 255)).join(""));
}

const UPRIGHT = ["100", "010", "001", "111"];

describe("preprocessImage", () => {
  it.each(["jpeg", "png", "webp", "gif", "tiff", "avif"] as const)("decodes %s, whatever its name", async (format) => {
    const bytes = await quarters(64, 48).toFormat(format).toBuffer();
    const pixels = await preprocessImage(bytes, "photo.dat", 24, SQUASH);
    expect(pixels.length).toBe(24 * 24 * 3);
    expect(corners(pixels, 24)).toEqual(UPRIGHT);
  });

  it.each([
    [3, ["111", "001", "010", "100"]],
    [6, ["001", "100", "111", "010"]],
    [8, ["010", "111", "100", "001"]],
    [2, ["010", "100", "111", "001"]],
  ])("applies EXIF orientation %i", async (orientation, expected) => {
    const bytes = await quarters(60, 40).jpeg().withMetadata({ orientation }).toBuffer();
    expect(corners(await preprocessImage(bytes, "turned", 20, SQUASH), 20)).toEqual(expected);
    expect(corners(await preprocessImage(bytes, "turned", 20, { fit: "cover", filter: "cubic" }), 20)).toEqual(
      expected,
    );
  });

  it("lays transparency over white", async () => {
    const clear = await sharp({
      create: { width: 20, height: 20, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    expect(new Set(await preprocessImage(clear, "clear", 8, SQUASH))).toEqual(new Set([255]));
    const raw = { data: new Uint8Array(16 * 16 * 4), width: 16, height: 16, channels: 4 as const };
    expect(new Set(await preprocessImage(raw, "raw", 8, SQUASH))).toEqual(new Set([255]));
  });

  it("turns grey, 16-bit and CMYK images into 8-bit RGB", async () => {
    const ramp = Uint16Array.from({ length: 16 * 16 }, () => 0x8080);
    const deep = await sharp(ramp, { raw: { width: 16, height: 16, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    const grey = await sharp(Buffer.alloc(256, 128), { raw: { width: 16, height: 16, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    for (const bytes of [deep, grey]) {
      const pixels = await preprocessImage(bytes, "grey", 8, SQUASH);
      expect(pixels.length).toBe(8 * 8 * 3);
      for (const value of pixels) expect(Math.abs(value - 128)).toBeLessThanOrEqual(1);
    }
    const deepColour = await quarters(32, 32).toColourspace("rgb16").png().toBuffer();
    expect((await sharp(deepColour).metadata()).depth).toBe("ushort");
    expect(corners(await preprocessImage(deepColour, "deep", 16, SQUASH), 16)).toEqual(UPRIGHT);
    const cmyk = await quarters(32, 32).toColourspace("cmyk").jpeg().toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe("cmyk");
    const printed = await preprocessImage(cmyk, "cmyk", 16, SQUASH);
    expect(corners(printed, 16)[3]).toBe("111");
    expect(printed[(4 * 16 + 4) * 3]!).toBeGreaterThan(printed[(4 * 16 + 4) * 3 + 2]! + 100);
  });

  it("takes the first frame of an animation", async () => {
    const frames = await Promise.all(
      ["#ff0000", "#0000ff"].map((background) =>
        sharp({ create: { width: 16, height: 16, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const animation = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await sharp(animation).metadata()).pages).toBe(2);
    expect(corners(await preprocessImage(animation, "animation", 16, SQUASH), 16)).toEqual([
      "100",
      "100",
      "100",
      "100",
    ]);
  });

  it("squashes the whole photo, or keeps the central square", async () => {
    const data = new Uint8Array(90 * 30 * 3);
    for (let y = 0; y < 30; y++) data.fill(255, (y * 90 + 30) * 3, (y * 90 + 60) * 3);
    const image = { data, width: 90, height: 30, channels: 3 as const };
    const squashed = await preprocessImage(image, "bands", 30, SQUASH);
    expect([squashed[0], squashed[15 * 3], squashed[29 * 3]]).toEqual([0, 255, 0]);
    const covered = await preprocessImage(image, "bands", 30, { fit: "cover", filter: "cubic" });
    expect(new Set(covered)).toEqual(new Set([255]));
  });

  it("enlarges, and picks nearest pixels, as Pillow does to the bit", async () => {
    const path = new URL("../../../../fixtures/golden/resize.json", import.meta.url);
    const golden = JSON.parse(readFileSync(path, "utf8")) as {
      cases: { filter: Resize["filter"]; height: number; width: number; size: number; pixels: string }[];
    };
    expect(golden.cases.length).toBe(13);
    for (const { filter, height, width, size, pixels } of golden.cases) {
      const data = new Uint8Array(height * width * 3);
      for (let i = 0; i < data.length; i++) {
        const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / (3 * width))];
        data[i] = x * (13 + c) + y * 29 + ((x * y) >> 2) * (3 - c);
      }
      const resized = await preprocessImage({ data, width, height, channels: 3 }, filter, size, {
        fit: "squash",
        filter,
      });
      expect(Buffer.from(resized).toString("hex"), `${filter} ${height}x${width}`).toBe(pixels);
    }
  });

  it("takes raw pixels and files of them alike", async () => {
    const photo = quarters(50, 70);
    const data = new Uint8Array(await photo.clone().raw().toBuffer());
    const raw = await preprocessImage({ data, width: 50, height: 70, channels: 3 }, "raw", 32, SQUASH);
    expect(raw).toEqual(await preprocessImage(await photo.png().toBuffer(), "png", 32, SQUASH));
  });
});

describe("preprocessImage, given what is no photo", () => {
  /** A PNG header that announces 30000 x 30000 pixels, with nothing behind it. */
  async function headerBomb(): Promise<Uint8Array> {
    const bytes = await quarters(16, 16).png().toBuffer();
    const { crc32 } = await import("node:zlib");
    bytes.writeUInt32BE(30_000, 16);
    bytes.writeUInt32BE(30_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    return bytes;
  }

  it.each<[string, () => Promise<Uint8Array>, RegExp]>([
    [
      "a truncated JPEG",
      async () => (await quarters(200, 200).jpeg().toBuffer()).subarray(0, 900),
      /an undamaged image for photo\.jpg/,
    ],
    [
      "a JPEG cut inside its header",
      async () => (await quarters(200, 200).jpeg().toBuffer()).subarray(0, 40),
      /an undamaged image/,
    ],
    [
      "a 1x1 image",
      () =>
        sharp({ create: { width: 1, height: 1, channels: 3, background: "red" } })
          .png()
          .toBuffer(),
      /at least 8 x 8 .* "1 x 1"/,
    ],
    ["a header bomb", headerBomb, /at most 134217728 pixels/],
    ["text named .jpg", async () => Buffer.from("this is no photo\n"), /received "a text file"/],
    ["an HTML page", async () => Buffer.from("<!DOCTYPE html><html></html>"), /an HTML page/],
    [
      "an SVG drawing",
      async () => Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
      /an SVG drawing/,
    ],
    ["a HEIC photo", async () => Buffer.from("\0\0\0\x18ftypheic\0\0\0\0", "latin1"), /a HEIC photo/],
    ["random bytes", async () => Uint8Array.from({ length: 64 }, (_, i) => (i * 37) % 256), /a file of another kind/],
  ])("refuses %s with one line and a hint", async (_, bytes, message) => {
    const error = await preprocessImage(await bytes(), "photo.jpg", 32, SQUASH).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).message).toMatch(message);
    expect((error as ImageError).message).not.toContain("\n");
    expect((error as ImageError).hint).toBeTruthy();
  });

  it("refuses raw pixels whose length contradicts their sides", async () => {
    const image = { data: new Uint8Array(100), width: 16, height: 16, channels: 3 as const };
    await expect(preprocessImage(image, "raw", 8, SQUASH)).rejects.toThrow(/width x height x channels/);
  });
});
