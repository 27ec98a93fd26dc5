import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AbortedError, ImageError, OptionError } from "../errors.js";
import type { RawImage } from "../image/image-input.js";
import { writeTinyEncoder } from "../testing/tiny-encoder.js";
import { type EncodedImage, encodeImages, type FailedImage, type ImageItem } from "./encode-images.js";
import { type ImageEncoder, openEncoder } from "./image-encoder.js";

let directory: string;
let encoder: ImageEncoder;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-encode-"));
  encoder = await openEncoder(await writeTinyEncoder(directory), { outputs: ["pooled", "grid"], threads: 1 });
});

afterAll(async () => {
  await encoder.dispose();
  await rm(directory, { recursive: true });
});

/** Left half of one red, right half black: its first pooled feature is red / 510. */
function photo(red: number): RawImage {
  const data = new Uint8Array(16 * 16 * 3);
  for (let i = 0; i < 256; i++) if (i % 16 < 8) data[i * 3] = red;
  return { data, width: 16, height: 16, channels: 3 };
}

async function collect(results: AsyncIterable<EncodedImage | FailedImage>) {
  const collected: (EncodedImage | FailedImage)[] = [];
  for await (const result of results) collected.push(result);
  return collected;
}

describe("encodeImages", () => {
  it("encodes in the order of the inputs, with failures in their places", async () => {
    const items: ImageItem[] = Array.from({ length: 23 }, (_, index) => ({ id: `${index}`, image: photo(index * 10) }));
    items[3] = { id: "3", image: "missing.jpg" };
    items[22] = { id: "22", image: Buffer.from("text") };
    const results = await collect(encodeImages(encoder, items, { batchSize: 4 }));
    expect(results.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
    results.forEach((result, index) => {
      if ("error" in result) {
        expect([3, 22]).toContain(index);
        expect(result.error).toBeInstanceOf(ImageError);
      } else {
        expect(result.views.get("plain")?.pooled?.[0]).toBeCloseTo((index * 10) / 510, 5);
        expect(result.views.get("plain")?.grid?.length).toBe(80);
        expect(result.views.has("mirrored")).toBe(false);
      }
    });
    expect(results.filter((result) => "error" in result).length).toBe(2);
  });

  it("gives the mirrored view of the same photo", async () => {
    const [result] = await collect(
      encodeImages(encoder, [{ id: "a", image: photo(255) }], { views: ["plain", "mirrored"] }),
    );
    const red = (view: "plain" | "mirrored") =>
      [0, 3].map((cell) => (result as EncodedImage).views.get(view)?.grid?.[cell * 5]);
    expect(red("plain")).toEqual([1, 0]);
    expect(red("mirrored")).toEqual([0, 1]);
  });

  it("gives each image the views it asks for itself", async () => {
    const items = [
      { id: "a", image: photo(255), views: ["closer", "mirrored"] as const },
      { id: "b", image: photo(255) },
    ];
    const results = await collect(encodeImages(encoder, items));
    expect(results.map((result) => [...(result as EncodedImage).views.keys()])).toEqual([
      ["closer", "mirrored"],
      ["plain"],
    ]);
  });

  it("answers a slow source image by image instead of waiting for a full batch", async () => {
    let asked = 0;
    const answered: string[] = [];
    const source = (async function* () {
      for (; asked < 3; asked++) {
        // The next photo only comes once the one before has been answered.
        while (answered.length < asked) await new Promise((resolve) => setTimeout(resolve, 1));
        yield { id: `${asked}`, image: photo(0) };
      }
    })();
    for await (const { id } of encodeImages(encoder, source)) answered.push(id);
    expect(answered).toEqual(["0", "1", "2"]);
  });

  it("reads only a bounded number of images ahead", async () => {
    let given = 0;
    const endless = (function* () {
      for (;;) yield { id: `${given++}`, image: photo(0) };
    })();
    let seen = 0;
    for await (const _ of encodeImages(encoder, endless, { batchSize: 2 })) {
      seen += 1;
      // Decoded ahead: 2 batches; with the encoder: 2; being handed over: 2; a batch that waits for room.
      expect(given - seen).toBeLessThanOrEqual(14);
      if (seen === 100) break;
    }
    expect(seen).toBe(100);
  });

  it("stops when the signal is aborted", async () => {
    const controller = new AbortController();
    const endless = (function* () {
      for (let id = 0; ; id++) yield { id: `${id}`, image: photo(0) };
    })();
    let seen = 0;
    const run = async () => {
      for await (const _ of encodeImages(encoder, endless, { signal: controller.signal })) {
        if (++seen === 5) controller.abort();
      }
    };
    await expect(run()).rejects.toBeInstanceOf(AbortedError);
  });

  it("refuses impossible options", async () => {
    await expect(collect(encodeImages(encoder, [], { batchSize: 0 }))).rejects.toBeInstanceOf(OptionError);
    await expect(collect(encodeImages(encoder, [], { views: [] }))).rejects.toBeInstanceOf(OptionError);
  });
});
