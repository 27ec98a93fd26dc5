import { chmod, cp, mkdir, mkdtemp, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.js";
import { type ImageEncoder, openEncoder } from "../encoders/image-encoder.js";
import { AbortedError, FeatureStoreError } from "../errors.js";
import { toFloat32 } from "../float16.js";
import { writeTinyEncoder } from "../testing/tiny-encoder.js";
import { type EncodeProgress, encodeDataset } from "./encode-dataset.js";
import { type FeatureStore, type OpenFeatureStoreOptions, openFeatureStore } from "./feature-store.js";
import { RowReader } from "./row-reader.js";

let directory: string;
let encoder: ImageEncoder;
let store: FeatureStore | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-store-"));
  encoder = await openEncoder(await writeTinyEncoder(directory), { outputs: ["pooled", "grid"], threads: 1 });
});

afterEach(async () => {
  await store?.close();
  store = undefined;
  await encoder.dispose();
  await rm(directory, { recursive: true });
});

async function openStore(options: Partial<OpenFeatureStoreOptions> = {}): Promise<FeatureStore> {
  await store?.close();
  store = undefined;
  store = await openFeatureStore(join(directory, "store"), {
    encoder: encoder.spec,
    outputs: ["pooled", "grid"],
    views: ["plain", "mirrored"],
    create: true,
    ...options,
  });
  return store;
}

/** Left half red (of the strength given), right half black. */
async function writePhoto(name: string, red: number): Promise<void> {
  const data = Buffer.alloc(32 * 32 * 3);
  for (let i = 0; i < 1024; i++) if (i % 32 < 16) data[i * 3] = red;
  await sharp(data, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toFile(join(directory, name));
}

function datasetOf(...names: string[]): Dataset {
  const images = names.map((name) => ({
    id: name,
    path: join(directory, name),
    captions: ["x"],
    split: "train" as const,
  }));
  return { name: "made-up", format: "jsonl", images, sha256: "" };
}

/** One uncompressed photo: all of them are equally long. */
async function rawPhotos(folder: string, red: number): Promise<Dataset> {
  await mkdir(join(directory, folder));
  await writePhoto(`${folder}.png`, red);
  await sharp(join(directory, `${folder}.png`))
    .tiff({ compression: "none" })
    .toFile(join(directory, folder, "0.tif"));
  // Of another second, however fast this machine is.
  await utimes(join(directory, folder, "0.tif"), red, red);
  const { images, ...rest } = datasetOf("0.tif");
  return { ...rest, images: images.map((image) => ({ ...image, path: join(directory, folder, "0.tif") })) };
}

async function writePhotos(count: number): Promise<Dataset> {
  const names = Array.from({ length: count }, (_, index) => `${index}.png`);
  await Promise.all(names.map((name, index) => writePhoto(name, index * 10 + 5)));
  return datasetOf(...names);
}

describe("encodeDataset and the store's source", () => {
  it.each(["float16", "float32"] as const)("keeps every view and output as %s", async (dtype) => {
    const dataset = await writePhotos(3);
    const open = await openStore({ dtype });
    expect(await encodeDataset(dataset, encoder, open)).toEqual({ encoded: 3, skipped: 0, failures: [] });
    const source = open.source(dataset);
    expect(source.featureSize).toBe(5);
    expect(source.grid).toEqual({ cells: 16, featureSize: 5 });
    const { pooled, grid: stored } = await source.read(
      [
        { imageId: "2.png", view: "mirrored" },
        { imageId: "0.png", view: "plain" },
      ],
      { grid: true },
    );
    expect(pooled.shape).toEqual([2, 5]);
    expect(stored?.data.constructor).toBe(dtype === "float16" ? Uint16Array : Float32Array);
    const grid = toFloat32(stored!);
    expect(grid.shape).toEqual([2, 16, 5]);
    const close = dtype === "float16" ? 3 : 6;
    expect(pooled.data[0]).toBeCloseTo(25 / 510, close);
    expect(pooled.data[5]).toBeCloseTo(5 / 510, close);
    expect([grid.data[0], grid.data[80]].map((value) => Math.round(value! * 255))).toEqual([0, 5]);
    expect(grid.data[3 * 5]).toBeCloseTo(25 / 255, close);
    expect((await source.read([{ imageId: "1.png", view: "plain" }], { grid: false })).grid).toBeUndefined();
  });

  it("has its rows where they are read by position, not through LMDB's map", async () => {
    const dataset = await writePhotos(1);
    const open = await openStore();
    await encodeDataset(dataset, encoder, open);
    const sha256 = Buffer.from(open.link("0.png")!.sha256, "hex");
    const reader = new RowReader(join(directory, "store", "features.mdb"), "rows");
    for (const [output, values] of [5, 80].entries()) {
      const key = Buffer.concat([sha256, Buffer.of(output, 1)]);
      expect(await reader.read([key], 2 * values, Buffer.alloc(2 * values))).toEqual([]);
    }
    await reader.close();
  });

  it("goes on where a stopped run was, and does not encode twice", async () => {
    const dataset = await writePhotos(40);
    const controller = new AbortController();
    let open = await openStore();
    const first = encodeDataset(dataset, encoder, open, {
      signal: controller.signal,
      batchSize: 2,
      onProgress: ({ done }) => {
        if (done === 10) controller.abort();
      },
    });
    await expect(first).rejects.toBeInstanceOf(AbortedError);
    open = await openStore();
    const second = await encodeDataset(dataset, encoder, open);
    expect(second.skipped).toBeGreaterThanOrEqual(10);
    expect(second.skipped + second.encoded).toBe(40);
    expect(second.encoded).toBeGreaterThan(0);
    expect(await encodeDataset(dataset, encoder, open)).toEqual({ encoded: 0, skipped: 40, failures: [] });
    const source = open.source(dataset);
    expect(dataset.images.every(({ id }) => source.has(id))).toBe(true);
  });

  it("reports images that cannot be read and goes on", async () => {
    await writePhotos(2);
    await writeFile(join(directory, "text.jpg"), "no photo");
    const dataset = datasetOf("0.png", "missing.jpg", "text.jpg", "1.png");
    const open = await openStore();
    const seen: EncodeProgress[] = [];
    const result = await encodeDataset(dataset, encoder, open, { onProgress: (progress) => seen.push(progress) });
    expect(result.encoded).toBe(2);
    expect(result.failures.map(({ id }) => id).sort()).toEqual(["missing.jpg", "text.jpg"]);
    expect(seen.at(-1)).toMatchObject({ done: 4, total: 4, failed: 2, skipped: 0 });
    expect(seen.at(-1)!.imagesPerSecond).toBeGreaterThan(0);
    const source = open.source(dataset);
    expect(["0.png", "missing.jpg", "text.jpg", "1.png"].map((id) => source.has(id))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    await expect(source.read([{ imageId: "text.jpg", view: "plain" }], { grid: false })).rejects.toThrow(
      /features for image text\.jpg/,
    );
  });

  it("encodes a photo once, whatever it is called", async () => {
    await writePhoto("a.png", 200);
    await writePhoto("b.png", 200);
    const dataset = datasetOf("a.png", "b.png");
    const open = await openStore();
    expect(await encodeDataset(dataset, encoder, open)).toEqual({ encoded: 1, skipped: 1, failures: [] });
    const { pooled } = await open.source(dataset).read([{ imageId: "b.png", view: "plain" }], { grid: false });
    expect(pooled.data[0]).toBeCloseTo(200 / 510, 3);
  });

  it("fails every copy of a damaged file", async () => {
    await writeFile(join(directory, "a.jpg"), "no photo");
    await writeFile(join(directory, "b.jpg"), "no photo");
    const { failures } = await encodeDataset(datasetOf("a.jpg", "b.jpg"), encoder, await openStore());
    expect(failures.map(({ id }) => id)).toEqual(["a.jpg", "b.jpg"]);
  });

  it("notices that a photo was replaced, and mends it by encoding again", async () => {
    const dataset = await writePhotos(1);
    const open = await openStore();
    await encodeDataset(dataset, encoder, open);
    await sharp({ create: { width: 40, height: 40, channels: 3, background: "red" } })
      .png()
      .toFile(join(directory, "0.png"));
    const stale = open.source(dataset);
    expect(stale.has("0.png")).toBe(false);
    await expect(stale.read([{ imageId: "0.png", view: "plain" }], { grid: false })).rejects.toThrow(
      /features for image 0\.png in .* "those of a file that was replaced"/,
    );
    await encodeDataset(dataset, encoder, open);
    const { pooled } = await open.source(dataset).read([{ imageId: "0.png", view: "plain" }], { grid: false });
    expect(pooled.data[0]).toBeCloseTo(1, 3);
  });

  it("tells files of one length and one name apart, and finds those again that it knows", async () => {
    const [first, second] = [await rawPhotos("first", 200), await rawPhotos("second", 40)];
    const open = await openStore();
    const red = async (dataset: Dataset) => {
      const { pooled } = await open.source(dataset).read([{ imageId: "0.tif", view: "plain" }], { grid: false });
      return Math.round(pooled.data[0]! * 510);
    };
    expect((await encodeDataset(first, encoder, open)).encoded).toBe(1);
    expect(open.source(second).has("0.tif")).toBe(false);
    expect((await encodeDataset(second, encoder, open)).encoded).toBe(1);
    expect([await red(first), await red(second), await red(first)]).toEqual([200, 40, 200]);
    // The same in place.
    await cp(second.images[0]!.path, first.images[0]!.path);
    await utimes(first.images[0]!.path, 1000, 1000);
    expect(await red(first)).toBe(40);
    expect(await encodeDataset(first, encoder, open)).toEqual({ encoded: 0, skipped: 1, failures: [] });
  });

  it("looks into a file only where its times or length are new, once", async () => {
    const dataset = await writePhotos(1);
    const open = await openStore();
    await encodeDataset(dataset, encoder, open);
    const { sha256, bytes, modified } = open.link("0.png")!;
    expect(modified).toBe((await stat(join(directory, "0.png"))).mtimeMs);
    // A link as stores had it before, and one of a copy of the photo.
    for (const old of [
      { sha256, bytes },
      { sha256, bytes, modified: 1, changed: 1 },
    ]) {
      open.putLink("0.png", old);
      await open.flush();
      expect(open.source(dataset).has("0.png")).toBe(true);
      await open.flush();
      expect(open.link("0.png")?.modified).toBe(modified);
    }
    // Trusted unread: it could not tell a hash that is none of the file's.
    const link = { ...open.link("0.png")!, sha256: "00".repeat(32) };
    open.putLink("0.png", link);
    await open.flush();
    expect(open.source(dataset).has("0.png")).toBe(false);
    expect(open.link("0.png")).toEqual(link);
  });

  it("refuses nothing for a photo that nobody asks about", async () => {
    const dataset = await writePhotos(2);
    const open = await openStore();
    await encodeDataset(dataset, encoder, open);
    await writeFile(join(directory, "1.png"), "replaced");
    const source = open.source(dataset);
    expect([source.has("0.png"), source.has("1.png")]).toEqual([true, false]);
    expect((await source.read([{ imageId: "0.png", view: "plain" }], { grid: false })).pooled.shape).toEqual([1, 5]);
  });

  it("serves features whose photos are no longer there", async () => {
    const dataset = await writePhotos(1);
    const open = await openStore();
    await encodeDataset(dataset, encoder, open);
    await rm(join(directory, "0.png"));
    expect(open.source(dataset).has("0.png")).toBe(true);
  });

  it("adds views and outputs to a store that lacks them", async () => {
    const dataset = await writePhotos(2);
    let open = await openStore({ outputs: ["pooled"], views: ["plain"] });
    await encodeDataset(dataset, encoder, open);
    expect(open.source(dataset).grid).toBeUndefined();
    await expect(open.source(dataset).read([{ imageId: "0.png", view: "mirrored" }], { grid: false })).rejects.toThrow(
      /views/,
    );
    await expect(open.source(dataset).read([{ imageId: "0.png", view: "plain" }], { grid: true })).rejects.toThrow(
      /grid features/,
    );
    open = await openStore();
    expect(open.source(dataset).has("0.png")).toBe(false);
    expect((await encodeDataset(dataset, encoder, open)).encoded).toBe(2);
    expect(open.source(dataset).has("0.png")).toBe(true);
    open = await openStore({ outputs: ["pooled"], views: ["plain"], create: false });
    expect(open.views).toEqual(["plain", "mirrored"]);
  });

  it("encodes only the views that a photo lacks", async () => {
    const dataset = await writePhotos(2);
    let open = await openStore({ views: ["plain"] });
    await encodeDataset(dataset, encoder, open);
    open = await openStore({ views: ["closer"] });
    let squares = 0;
    const counting = {
      ...encoder,
      encode: (images: readonly Uint8Array[]) => {
        squares += images.length;
        return encoder.encode(images);
      },
    };
    expect((await encodeDataset(dataset, counting, open)).encoded).toBe(2);
    expect(squares).toBe(2);
    expect(open.views).toEqual(["plain", "closer"]);
    expect(open.source(dataset).has("1.png")).toBe(true);
  });
});

describe("openFeatureStore", () => {
  it("refuses a folder without a store unless it may make one", async () => {
    const opening = openStore({ create: false });
    await expect(opening).rejects.toBeInstanceOf(FeatureStoreError);
    await expect(opening).rejects.toThrow(/a feature store for .* "a folder without one"/);
  });

  it("refuses a place where no folder can be made", async () => {
    await expect(openFeatureStore("", { encoder: encoder.spec, create: true })).rejects.toThrow(
      /the path of a folder for the feature store but received ""/,
    );
    await writeFile(join(directory, "file"), "");
    for (const path of ["file", "file/store"]) {
      const opening = openFeatureStore(join(directory, path), { encoder: encoder.spec, create: true });
      await expect(opening).rejects.toBeInstanceOf(FeatureStoreError);
      await expect(opening).rejects.toThrow(/a folder that can be made for .*file/);
    }
    // Not as root, who may read everything.
    if (process.getuid?.() === 0) return;
    await openStore();
    await chmod(join(directory, "store", "features.mdb"), 0);
    await expect(openStore()).rejects.toThrow(/a readable feature store for .* "permission denied"/);
  });

  it("recognises features of other weights or preprocessing", async () => {
    await openStore();
    for (const changes of [{ sha256: "00".repeat(32) }, { resize: { fit: "cover", filter: "cubic" } as const }]) {
      const opening = openStore({ encoder: { ...encoder.spec, ...changes } });
      await expect(opening).rejects.toBeInstanceOf(FeatureStoreError);
      await expect(opening).rejects.toThrow(/features of tiny \([0-9a-f]{12}\) .* "those of tiny \([0-9a-f]{12}\)"/);
      await openStore();
    }
  });

  it("refuses another dtype, and outputs that are not there", async () => {
    await openStore({ outputs: ["pooled"] });
    await expect(openStore({ dtype: "float32" })).rejects.toThrow(/float32 features/);
    await expect(openStore({ create: false })).rejects.toThrow(/pooled and grid features, plain and mirrored/);
  });

  it("refuses a file that is no store, or only a part of one", async () => {
    const open = await openStore({ views: ["plain"] });
    // 4 MB of rows, so that half of the file is missing much.
    const views = new Map([["plain" as const, { pooled: new Float32Array(5), grid: new Float32Array(80) }]]);
    for (let image = 0; image < 10_000; image++) {
      open.putImage(image.toString(16).padStart(64, "0"), { id: `${image}`, views });
    }
    await open.flush();
    await open.close();
    store = undefined;
    const file = join(directory, "store", "features.mdb");
    await truncate(file, (await stat(file)).size >> 1);
    await expect(openStore()).rejects.toThrow(/a complete feature store for .* "\d+ of \d+ bytes"/);
    await writeFile(file, "x".repeat(10_000));
    await expect(openStore({ create: false })).rejects.toThrow(
      /a complete feature store for .* "a file of another kind"/,
    );
    await writeFile(file, "");
    await expect(openStore()).rejects.toBeInstanceOf(FeatureStoreError);
  });

  it("refuses to be filled by another encoder, or by one without its outputs", async () => {
    const open = await openStore();
    const pooledOnly = await openEncoder(join(directory, "encoder.json"), { outputs: ["pooled"], threads: 1 });
    await expect(encodeDataset(datasetOf(), pooledOnly, open)).rejects.toThrow(/opened for pooled and grid/);
    await pooledOnly.dispose();
    const other = { ...encoder, fingerprint: "other", spec: { ...encoder.spec, name: "other" } } as ImageEncoder;
    await expect(encodeDataset(datasetOf(), other, open)).rejects.toBeInstanceOf(FeatureStoreError);
  });

  it("says so when a value does not fit float16", async () => {
    const open = await openStore({ outputs: ["pooled"], views: ["plain"] });
    const views = new Map([["plain" as const, { pooled: Float32Array.of(1, 2, 3, 4, 70_000) }]]);
    expect(() => open.putImage("00".repeat(32), { id: "bright", views })).toThrow(
      /within ±65504 for float16 features of bright/,
    );
    expect(() => open.putImage("00".repeat(32), { id: "short", views: new Map([["plain", {}]]) })).toThrow(/5 values/);
  });
});
