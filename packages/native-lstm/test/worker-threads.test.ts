import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import type { NativeAddon } from "../src/binding.js";
import { nativeParameters } from "../src/native-decoder.js";
import { randomFeatures, randomParameters, randomSpec } from "./random-decoder.js";
import { describeNative } from "./require-native.js";

/** Loads the addon in a thread of its own and sends the logits of one step back. */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const { path, spec, parameters, pooled, images, grid, cells } = workerData;
const addon = require(path);
const decoder = new addon.Decoder(spec, parameters, { device: "cpu", precision: "float32" });
decoder.start(pooled, images, grid, cells)
  .then((state) => decoder.step(state, new Int32Array(images).fill(1)))
  .then((logits) => parentPort.postMessage(logits));
`;

describeNative("the addon in several environments of one process", ({ addon, path }) => {
  const spec = randomSpec(5);
  const parameters = nativeParameters(randomParameters(spec, 5));
  const { pooled, grid } = randomFeatures(spec, 3, 5);
  const cells = grid?.shape[1] ?? 0;

  async function logitsOf(one: NativeAddon): Promise<Float32Array> {
    const decoder = new one.Decoder(spec, parameters, { device: "cpu", precision: "float32" });
    const state = await decoder.start(pooled.data, 3, grid?.data, cells);
    return decoder.step(state, Int32Array.of(1, 1, 1));
  }

  it("gives the same logits in worker threads that run at the same time", async () => {
    const expected = await logitsOf(addon);
    const workerData = { path, spec, parameters, pooled: pooled.data, images: 3, grid: grid?.data, cells };
    const answers = await Promise.all(
      [1, 2, 3].map(() => {
        const worker = new Worker(WORKER, { eval: true, workerData });
        return new Promise<Float32Array>((resolve, reject) => {
          worker.once("message", resolve).once("error", reject);
        });
      }),
    );
    for (const logits of answers) expect(logits).toEqual(expected);
  });

  it("survives a worker that is terminated in the middle of its work", async () => {
    const busy = `${WORKER.replace(".then((logits)", ".then(() => { for (let i = 0; i < 500; i++) decoder.start(pooled, images, grid, cells); }).then((logits)")}`;
    const workerData = { path, spec, parameters, pooled: pooled.data, images: 3, grid: grid?.data, cells };
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(busy, { eval: true, workerData });
      await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
      await worker.terminate();
    }
    expect((await logitsOf(addon)).length).toBe(3 * spec.vocabSize);
  });

  it("works after being loaded twice", async () => {
    const require = createRequire(import.meta.url);
    const first = require(path) as NativeAddon;
    delete require.cache[require.resolve(path)];
    const second = require(path) as NativeAddon;
    expect(second).not.toBe(first);
    expect(await logitsOf(second)).toEqual(await logitsOf(first));
  });
});
