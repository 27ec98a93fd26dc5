import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EncoderError, OptionError } from "../errors.js";
import { writeInceptionWeights } from "../testing/keras-inception-weights.js";
import { writeTinyEncoder } from "../testing/tiny-encoder.js";
import { openEncoder, readEncoderSpec } from "./image-encoder.js";
import { importEncoder } from "./import-encoder.js";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-import-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

describe("importEncoder, given an ONNX file", () => {
  async function tiny() {
    const source = join(directory, "tiny");
    await mkdir(source, { recursive: true });
    const { onnx, sha256, ...draft } = await readEncoderSpec(await writeTinyEncoder(source));
    return { file: join(source, onnx), sha256, draft };
  }

  it("makes a folder that opens by itself", async () => {
    const { file, sha256, draft } = await tiny();
    const { specPath, spec } = await importEncoder(file, { directory: join(directory, "imported"), spec: draft });
    expect(spec.sha256).toBe(sha256);
    expect((await readdir(join(directory, "imported"))).sort()).toEqual(["encoder.json", "tiny.onnx"]);
    const encoder = await openEncoder(specPath, { outputs: ["pooled", "grid"], threads: 1 });
    expect(encoder.spec).toEqual(spec);
    await encoder.dispose();
  });

  it("makes the folder with the usual mode, and leaves nothing beside it", async () => {
    const { file, draft } = await tiny();
    const place = join(directory, "modes");
    await mkdir(join(place, "usual"), { recursive: true });
    await importEncoder(file, { directory: join(place, "imported"), spec: draft });
    const [usual, imported] = await Promise.all(["usual", "imported"].map((name) => stat(join(place, name))));
    expect(imported!.mode).toBe(usual!.mode);
    expect((await readdir(place)).sort()).toEqual(["imported", "usual"]);
  });

  it("leaves nothing behind when the graph does not fit the spec", async () => {
    const { file, draft } = await tiny();
    const wrong = { ...draft, outputs: { pooled: { name: "features", size: 7 } } };
    const target = join(directory, "wrong");
    await expect(importEncoder(file, { directory: target, spec: wrong })).rejects.toThrow(/shape \[1,7\]/);
    expect((await readdir(directory)).filter((name) => name.includes("wrong"))).toEqual([]);
  });

  it("refuses a folder that exists, a missing spec, and other kinds of file", async () => {
    const { file, draft } = await tiny();
    const taken = join(directory, "taken");
    await mkdir(taken);
    await writeFile(join(taken, "mine"), "");
    await expect(importEncoder(file, { directory: taken, spec: draft })).rejects.toBeInstanceOf(OptionError);
    await expect(importEncoder(file, { directory: join(directory, "x") })).rejects.toThrow(/a spec for the ONNX file/);
    await expect(importEncoder("net.pb", { directory: join(directory, "x") })).rejects.toThrow(
      /an \.onnx or \.h5 file/,
    );
  });
});

describe("importEncoder, given Keras weights of Inception v3", () => {
  it("computes the features that Keras computes", async () => {
    const golden = JSON.parse(
      readFileSync(new URL("../../../../fixtures/golden/keras-inception-v3.json", import.meta.url), "utf8"),
    ) as { pooled: number[]; gridCellMeans: number[]; gridCorner: { cell: number; values: number[] } };
    const weights = join(directory, "inception_v3_notop.h5");
    await writeInceptionWeights(weights);
    const { specPath, spec } = await importEncoder(weights, { directory: join(directory, "inception-v3") });
    const encoder = await openEncoder(specPath, { outputs: ["pooled", "grid"], threads: 1 });
    const { pooled, grid } = await encoder.encode([photo(spec.input.size)]);
    await encoder.dispose();

    const worst = (expected: readonly number[], actual: (index: number) => number) =>
      Math.max(...expected.map((value, index) => Math.abs(value - actual(index))));
    // Features reach 34; float32 sums of up to 4000 products in another order.
    expect(worst(golden.pooled, (index) => pooled!.data[index]!)).toBeLessThan(1e-4);
    const { cell, values } = golden.gridCorner;
    expect(worst(values, (index) => grid!.data[cell * 2048 + index]!)).toBeLessThan(2e-4);
    const cellMean = (index: number) =>
      grid!.data.subarray(index * 2048, (index + 1) * 2048).reduce((a, b) => a + b, 0) / 2048;
    expect(worst(golden.gridCellMeans, cellMean)).toBeLessThan(1e-4);
  });

  it.each([
    ["no HDF5 file", "no weights"],
    ["an empty file", ""],
  ])("refuses %s", async (_, content) => {
    const file = join(directory, "junk.h5");
    await writeFile(file, content);
    await expect(importEncoder(file, { directory: join(directory, "x") })).rejects.toBeInstanceOf(EncoderError);
    await expect(importEncoder(join(directory, "none.h5"), { directory: join(directory, "x") })).rejects.toBeInstanceOf(
      EncoderError,
    );
  });

  it("refuses weights of another network", async () => {
    const file = join(directory, "other.h5");
    await writeInceptionWeights(file, { layers: 93 });
    await expect(importEncoder(file, { directory: join(directory, "x") })).rejects.toThrow(
      /convolution 94 of 1 x 1 to 192/,
    );
  });

  /** The golden's photo. */
  function photo(size: number): Uint8Array {
    const pixels = new Uint8Array(size * size * 3);
    for (let i = 0; i < pixels.length; i++) {
      const [c, x, y] = [i % 3, Math.floor(i / 3) % size, Math.floor(i / (3 * size))];
      pixels[i] = x * (c + 1) + y * 2 + ((x * y) >> 5) * (3 - c);
    }
    return pixels;
  }
});
