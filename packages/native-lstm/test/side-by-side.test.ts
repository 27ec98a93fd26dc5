import {
  type Backend,
  type BackendDecoder,
  type NamedTensors,
  openBackend,
  START_TOKEN_ID,
  type Tensor,
  tfjsCandidates,
} from "@showtell/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { randomBatch, randomFeatures, randomParameters, randomSpec } from "./random-decoder.js";
import { describeNative } from "./require-native.js";

const SPECS = 25;
/** Of the largest value of an array: both sides compute in float32, in another order. */
const OUTPUT_TOLERANCE = 2e-5;
const GRADIENT_TOLERANCE = 2e-4;
/** Sums of large terms that cancel keep their rounding: 2e-6 was seen, behind batch normalization of a single image. */
const ROUNDING = 5e-6;
/** A large ε: with a tiny one Adam's first update is the sign of the gradient, which rounding flips where the gradient is nearly zero. */
const UPDATE = { learningRate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-2, clipNorm: 0.5, averageDecay: 0.9 };

function expectNear(actual: Tensor, wanted: Tensor, tolerance: number, name: string): void {
  expect(actual.shape, name).toEqual(wanted.shape);
  const largest = wanted.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  actual.data.forEach((value, i) => {
    const difference = Math.abs(value - wanted.data[i]!);
    if (!(difference <= tolerance * largest + ROUNDING)) {
      expect.fail(`${name}[${i}]: ${value} against ${wanted.data[i]}, largest value ${largest}`);
    }
  });
}

function expectAllNear(actual: NamedTensors, wanted: NamedTensors, tolerance: number, label: string): void {
  expect([...actual.keys()], label).toEqual([...wanted.keys()]);
  for (const [name, tensor] of wanted) expectNear(actual.get(name)!, tensor, tolerance, `${label}, ${name}`);
}

describeNative("native and tfjs side by side", ({ open }) => {
  let native: Backend;
  let tfjs: Backend;
  beforeAll(async () => {
    native = await open();
    tfjs = (await openBackend("tfjs", tfjsCandidates())).backend;
  });
  afterAll(async () => {
    await native?.dispose();
    await tfjs?.dispose();
  });

  async function onBoth<T>(seed: number, work: (decoder: BackendDecoder) => Promise<T>): Promise<[T, T]> {
    const spec = randomSpec(seed);
    const run = async (backend: Backend) => {
      const decoder = await backend.createDecoder(spec, randomParameters(spec, seed));
      try {
        return await work(decoder);
      } finally {
        decoder.dispose();
      }
    };
    return [await run(native), await run(tfjs)];
  }

  const seeds = Array.from({ length: SPECS }, (_, seed) => seed + 100);

  it.each(seeds)("give the same logits and attention through steps and gathers (random spec %i)", async (seed) => {
    const spec = randomSpec(seed);
    const [own, other] = await onBoth(seed, async (decoder) => {
      const state = await decoder.start(randomFeatures(spec, 2, seed));
      const outputs = [await decoder.step(state, Int32Array.of(START_TOKEN_ID, START_TOKEN_ID))];
      await decoder.gatherRows(state, Int32Array.of(1, 0, 1));
      for (const word of [4, 5, 6]) outputs.push(await decoder.step(state, Int32Array.of(word, 4, 6)));
      if (spec.attention) outputs.push(await decoder.readAttention(state));
      return outputs;
    });
    for (const [i, output] of own.entries()) expectNear(output, other[i]!, OUTPUT_TOLERANCE, `output ${i}`);
  });

  it.each(seeds)("give the same losses, gradients and updates with dropout (random spec %i)", async (seed) => {
    const spec = randomSpec(seed);
    const [own, other] = await onBoth(seed, async (decoder) => ({
      loss: await decoder.evaluateLoss(randomBatch(spec, seed)),
      step: await decoder.trainStep(randomBatch(spec, seed), UPDATE),
      gradients: await decoder.readGradients(),
      parameters: await decoder.readParameters(),
      averages: await decoder.readAverages(),
      after: await decoder.trainStep(randomBatch(spec, seed + 1), UPDATE),
    }));
    const near = (actual: number, wanted: number, tolerance: number, name: string) =>
      expectNear(
        { shape: [], data: Float32Array.of(actual) },
        { shape: [], data: Float32Array.of(wanted) },
        tolerance,
        name,
      );
    near(own.loss.lossSum, other.loss.lossSum, OUTPUT_TOLERANCE, "evaluated loss");
    near(own.step.lossSum, other.step.lossSum, OUTPUT_TOLERANCE, "training loss");
    expect(own.step.tokenCount).toBe(other.step.tokenCount);
    near(own.step.gradientNorm, other.step.gradientNorm, GRADIENT_TOLERANCE, "gradient norm");
    expectAllNear(own.gradients, other.gradients, GRADIENT_TOLERANCE, "gradient");
    expectAllNear(own.parameters, other.parameters, GRADIENT_TOLERANCE, "parameter");
    expectAllNear(own.averages, other.averages, GRADIENT_TOLERANCE, "average");
    near(own.after.lossSum, other.after.lossSum, GRADIENT_TOLERANCE, "loss after an update");
  });
});
