import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DisposedError, EncoderError, OptionError } from "../errors.js";
import { TINY_ENCODER_SIZE, writeTinyEncoder } from "../testing/tiny-encoder.js";
import { type ImageEncoder, openEncoder } from "./image-encoder.js";
import { pixelTensor } from "./pixel-tensor.js";

let directory: string;
let encoder: ImageEncoder | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-encoder-"));
});

afterEach(async () => {
  await encoder?.dispose();
  encoder = undefined;
  await rm(directory, { recursive: true });
});

/** A square of one colour. */
function square(red: number, green: number, blue: number): Uint8Array {
  const pixels = new Uint8Array(TINY_ENCODER_SIZE ** 2 * 3);
  for (let i = 0; i < pixels.length; i += 3) pixels.set([red, green, blue], i);
  return pixels;
}

describe("openEncoder", () => {
  it("computes the outputs it was opened for", async () => {
    encoder = await openEncoder(await writeTinyEncoder(directory), { outputs: ["pooled", "grid"], threads: 1 });
    expect(encoder.featureSize).toBe(5);
    expect(encoder.grid).toEqual({ cells: 16, featureSize: 5 });
    const { pooled, grid } = await encoder.encode([square(255, 0, 51), square(0, 255, 0)]);
    expect(pooled?.shape).toEqual([2, 5]);
    expect(grid?.shape).toEqual([2, 16, 5]);
    for (const [index, value] of [1, 0, 0.2, 1.2, 0.8, 0, 1, 0, 1, 0].entries())
      expect(pooled?.data[index]).toBeCloseTo(value, 5);
    expect(grid?.data[15 * 5 + 2]).toBeCloseTo(0.2, 5);
  });

  it("gives each call its own answer when networks work side by side, never more of them than threads", async () => {
    const specPath = await writeTinyEncoder(directory);
    encoder = await openEncoder(specPath, { threads: 2, sessions: 3 });
    expect(encoder.sessions).toBe(2);
    const reds = Array.from({ length: 20 }, (_, index) => index * 10);
    const answers = await Promise.all(reds.map((red) => encoder!.encode([square(red, 0, 0)])));
    for (const [index, { pooled }] of answers.entries()) expect(pooled?.data[0]).toBeCloseTo(reds[index]! / 255, 5);
    await expect(openEncoder(specPath, { sessions: 0 })).rejects.toThrow(OptionError);
  });

  it("keeps cells in reading order", async () => {
    encoder = await openEncoder(await writeTinyEncoder(directory), { outputs: ["grid"], threads: 1 });
    const pixels = square(0, 0, 0);
    pixels.fill(255, (5 * TINY_ENCODER_SIZE + 9) * 3, (5 * TINY_ENCODER_SIZE + 9) * 3 + 3);
    const { pooled, grid } = await encoder.encode([pixels]);
    expect(pooled).toBeUndefined();
    const lit = [...grid!.data].flatMap((value, index) => (value > 0 && index % 5 === 0 ? [index / 5] : []));
    expect(lit).toEqual([1 * 4 + 2]);
  });

  it("leaves the caller's thread free while it computes, and answers in order", async () => {
    encoder = await openEncoder(await writeTinyEncoder(directory), { threads: 1 });
    const answered: number[] = [];
    const runs = [0, 1, 2, 3].map((run) => encoder!.encode([square(run, 0, 0)]).then(() => answered.push(run)));
    expect(answered).toEqual([]);
    await Promise.all(runs);
    expect(answered).toEqual([0, 1, 2, 3]);
  });

  it("lets runs in flight finish when disposed, then refuses", async () => {
    encoder = await openEncoder(await writeTinyEncoder(directory), { threads: 1 });
    const run = encoder.encode([square(255, 0, 0)]);
    await Promise.all([encoder.dispose(), encoder.dispose()]);
    expect((await run).pooled?.data[0]).toBeCloseTo(1, 5);
    await expect(encoder.encode([square(0, 0, 0)])).rejects.toBeInstanceOf(DisposedError);
  });

  it("refuses weights with a flipped byte", async () => {
    const spec = await writeTinyEncoder(directory);
    await appendFile(join(directory, "tiny.onnx"), "\0");
    const opening = openEncoder(spec);
    await expect(opening).rejects.toBeInstanceOf(EncoderError);
    await expect(opening).rejects.toThrow(/a file with sha256 [0-9a-f]{64}/);
  });

  it.each<[string, Parameters<typeof writeTinyEncoder>[1], RegExp]>([
    [
      "another input name",
      { input: { name: "image", size: 16, layout: "NHWC", dtype: "uint8", channels: "RGB" } },
      /the only input "image"/,
    ],
    ["an output it does not have", { outputs: { pooled: { name: "mean_", size: 5 } } }, /an output "mean_"/],
    ["a missing file", { sha256: "00".repeat(32) }, /sha256/],
  ])("refuses a spec with %s", async (_, changes, message) => {
    await expect(openEncoder(await writeTinyEncoder(directory, changes))).rejects.toThrow(message);
  });

  it("refuses what is no ONNX file, no spec, or missing", async () => {
    const { createHash } = await import("node:crypto");
    const junk = Buffer.from("no network");
    const spec = await writeTinyEncoder(directory, {
      onnx: "junk.onnx",
      sha256: createHash("sha256").update(junk).digest("hex"),
    });
    await writeFile(join(directory, "junk.onnx"), junk);
    await expect(openEncoder(spec)).rejects.toThrow(/a usable ONNX file/);
    await rm(join(directory, "junk.onnx"));
    await expect(openEncoder(spec)).rejects.toThrow(/a usable ONNX file.*no such file/);
    await writeFile(spec, "{");
    await expect(openEncoder(spec)).rejects.toThrow(/the JSON file of an encoder spec/);
    await expect(openEncoder(join(directory, "none.json"))).rejects.toBeInstanceOf(EncoderError);
  });

  it("says so when the graph's shapes are not the spec's", async () => {
    const spec = await writeTinyEncoder(directory, { outputs: { pooled: { name: "features", size: 6 } } });
    encoder = await openEncoder(spec, { threads: 1 });
    await expect(encoder.encode([square(0, 0, 0)])).rejects.toThrow(
      /shape \[1,6\] for output "features" of encoder tiny/,
    );
    await expect(encoder.encode([new Uint8Array(3)])).rejects.toBeInstanceOf(OptionError);
    await expect(openEncoder(spec, { outputs: ["grid"] })).rejects.toBeInstanceOf(OptionError);
    await expect(openEncoder(spec, { threads: 0 })).rejects.toBeInstanceOf(OptionError);
  });
});

describe("pixelTensor", () => {
  const image = Uint8Array.from({ length: 12 }, (_, index) => index * 10);
  const input = { name: "x", size: 2, layout: "NHWC", dtype: "uint8", channels: "RGB" } as const;

  it("takes bytes as they are", () => {
    expect(pixelTensor([image, image], input)).toEqual({
      data: Uint8Array.from([...image, ...image]),
      shape: [2, 2, 2, 3],
    });
  });

  it("normalises, turns the channels round and puts them first", () => {
    const { data, shape } = pixelTensor([image], {
      ...input,
      layout: "NCHW",
      dtype: "float32",
      channels: "BGR",
      scale: 0.5,
      mean: [1, 0, 0],
      std: [2, 1, 4],
    });
    expect(shape).toEqual([1, 3, 2, 2]);
    const blue = [20, 50, 80, 110].map((value) => (value * 0.5 - 1) / 2);
    const green = [10, 40, 70, 100].map((value) => value * 0.5);
    const red = [0, 30, 60, 90].map((value) => (value * 0.5) / 4);
    expect([...data]).toEqual([...blue, ...green, ...red]);
  });
});
