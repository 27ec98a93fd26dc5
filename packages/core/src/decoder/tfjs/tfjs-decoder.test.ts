import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DisposedError } from "../../errors.js";
import { readDecoderGolden } from "../../testing/decoder-goldens.js";
import type { Backend, BackendDecoder } from "../backend.js";
import { START_TOKEN_ID } from "../decoder-spec.js";
import { openTfjsBackend } from "./tfjs-backend.js";

const golden = readDecoderGolden("attention-dropout");
const { batch, spec, parameters } = golden;

describe.each(["cpu", "wasm"] as const)("a decoder on %s", (device) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openTfjsBackend(device);
  });
  afterAll(() => backend.dispose());

  async function generate(decoder: BackendDecoder): Promise<void> {
    const state = await decoder.start(batch.features);
    await decoder.step(state, new Int32Array(state.rows).fill(START_TOKEN_ID));
    await decoder.gatherRows(state, Int32Array.of(0, 0, 1, 3));
    await decoder.step(state, Int32Array.of(3, 4, 5, 6));
    await decoder.readAttention(state);
    // Half the images are gone now: their keys and values go too.
    await decoder.gatherRows(state, Int32Array.of(3));
    await decoder.step(state, Int32Array.of(7));
    state.dispose();
  }

  it("holds as many tensors after each step of training and each caption as before", async () => {
    const outside = tf.memory().numTensors;
    const decoder = await backend.createDecoder(spec, parameters);
    const fresh = tf.memory().numTensors;
    await decoder.evaluateLoss(batch);
    await generate(decoder);
    expect(tf.memory().numTensors).toBe(fresh);

    await decoder.trainStep(batch, golden.update);
    const trained = tf.memory().numTensors;
    for (let step = 0; step < 3; step++) {
      await decoder.trainStep(batch, golden.update);
      await decoder.evaluateLoss(batch);
      await generate(decoder);
      await decoder.writeParameters(await decoder.readParameters());
      await decoder.writeOptimizerState(await decoder.readOptimizerState());
      await decoder.readGradients();
      await decoder.readAverages();
    }
    expect(tf.memory().numTensors).toBe(trained);

    await decoder.start(batch.features);
    decoder.dispose();
    expect(tf.memory().numTensors).toBe(outside);
  });

  it("frees what it holds when the backend goes, and refuses new decoders then", async () => {
    const outside = tf.memory().numTensors;
    const other = await openTfjsBackend(device);
    const decoder = await other.createDecoder(spec, parameters);
    await other.dispose();
    expect(tf.memory().numTensors).toBe(outside);
    await expect(decoder.readParameters()).rejects.toThrow(DisposedError);
    await expect(other.createDecoder(spec, parameters)).rejects.toThrow(DisposedError);
  });

  it("copies what it is given and what it gives", async () => {
    const given = new Map([...parameters].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
    const decoder = await backend.createDecoder(spec, given);
    for (const { data } of given.values()) data.fill(0);
    const read = await decoder.readParameters();
    expect(read).toEqual(parameters);
    for (const { data } of read.values()) data.fill(0);
    expect(await decoder.readParameters()).toEqual(parameters);
    decoder.dispose();
  });

  it("lets timers run between calls", async () => {
    const decoder = await backend.createDecoder(spec, parameters);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const calls = Array.from({ length: 20 }, () => decoder.evaluateLoss(batch));
    await Promise.all(calls);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
    decoder.dispose();
  });
});

it("computes on two devices in one process, in turns", async () => {
  const [cpu, wasm] = [await openTfjsBackend("cpu"), await openTfjsBackend("wasm")];
  const decoders = [await cpu.createDecoder(spec, parameters), await wasm.createDecoder(spec, parameters)];
  const losses = await Promise.all([0, 1, 0, 1].map((index) => decoders[index]!.evaluateLoss(batch)));
  for (const { lossSum } of losses) expect(lossSum).toBeCloseTo(golden.expected.evaluation.lossSum, 4);
  await cpu.dispose();
  await wasm.dispose();
});
