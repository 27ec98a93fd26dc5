import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ImageError } from "../errors.js";
import { withFiles } from "../testing/temporary-files.js";
import { makeThumbnail } from "./thumbnail.js";

const photo = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: "#c04020" } });

describe("a thumbnail", () => {
  it("keeps the photo's proportions, and stands upright as the camera was held", async () => {
    const lying = await photo(400, 200).jpeg().withMetadata({ orientation: 6 }).toBuffer();
    await withFiles({ "photo.jpg": lying }, async (folder) => {
      const { width, height, webp } = await makeThumbnail(`${folder}/photo.jpg`, 80, 70);
      expect([width, height]).toEqual([40, 80]);
      const metadata = await sharp(webp).metadata();
      expect(metadata).toMatchObject({ format: "webp", width: 40, height: 80 });
      expect(metadata.exif).toBeUndefined();
    });
  });

  it("of a smaller photo has its size", async () => {
    await withFiles({ "small.png": await photo(30, 20).png().toBuffer() }, async (folder) => {
      expect(await makeThumbnail(`${folder}/small.png`, 80, 70)).toMatchObject({ width: 30, height: 20 });
    });
  });

  it.each([
    ["is no image", "text.jpg"],
    ["is not there", "missing.jpg"],
  ])("of a file that %s is refused by name", async (_, name) => {
    await withFiles({ "text.jpg": "a dog" }, async (folder) => {
      const error = await makeThumbnail(`${folder}/${name}`, 80, 70).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ImageError);
      expect(String(error)).toContain(name);
    });
  });
});
