import { describe, expect, it } from "vitest";
import type { AdamUpdate, BackendDecoder, TrainingBatch } from "../decoder/backend.js";
import { parameterShapes } from "../decoder/parameter-shapes.js";
import { sliceImages } from "../generation/decoder-ensemble.js";
import { logSumExp } from "../generation/log-sum-exp.js";
import type { NamedTensors, Tensor } from "../tensor.js";
import type { ConformanceSubject } from "./conformance.js";
import { decoderGoldenNames, readDecoderGolden, withGoldenDecoder } from "./decoder-goldens.js";
import { expectClose, expectTensorsClose } from "./expect-close.js";

/** Differentiates without moving anything but running statistics. */
const STILL: AdamUpdate = { learningRate: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Laws of training that hold whatever the numbers are. */
export function describeTraining({ backend, tolerances }: ConformanceSubject): void {
  describe.each(decoderGoldenNames())("training %s", (name) => {
    const golden = readDecoderGolden(name);
    const { batch, spec, update } = golden;
    const withDecoder = (use: (decoder: BackendDecoder) => Promise<void>) => withGoldenDecoder(backend(), golden, use);

    it("has the gradient that small steps along it show", () =>
      withDecoder(async (decoder) => {
        const { tokenCount } = await decoder.trainStep(batch, STILL);
        const gradients = await decoder.readGradients();
        const meanLossAt = async (moved: NamedTensors) => {
          await decoder.writeParameters(moved);
          return (await decoder.trainStep(batch, STILL)).lossSum / tokenCount;
        };
        for (const [moving, gradient] of gradients) {
          const norm = Math.hypot(...gradient.data);
          if (norm < 1e-2) continue;
          const distance = 1e-2;
          const ahead = await meanLossAt(moveAlong(golden.parameters, moving, gradient, distance / norm));
          const behind = await meanLossAt(moveAlong(golden.parameters, moving, gradient, -distance / norm));
          expectClose([(ahead - behind) / (2 * distance)], [norm], { relative: 1e-2, absolute: 2e-4 }, moving);
        }
      }));

    it("is blind to padding", () =>
      withDecoder(async (decoder) => {
        const plain = await decoder.trainStep(batch, STILL);
        const gradients = await decoder.readGradients();
        await decoder.writeParameters(golden.parameters);
        const padded = await decoder.trainStep(withPadding(batch, 3), STILL);
        expect(padded.tokenCount).toBe(plain.tokenCount);
        expectClose([padded.lossSum], [plain.lossSum], tolerances.repeat);
        expectTensorsClose(await decoder.readGradients(), gradients, tolerances.gradients);
      }));

    it("goes on from saved parameters and optimizer state as if it had never stopped", () =>
      withDecoder(async (decoder) => {
        const step = (trained: BackendDecoder, index: number) =>
          trained.trainStep({ ...batch, dropoutSeed: batch.dropoutSeed + index }, update);
        for (let index = 0; index < 3; index++) await step(decoder, index);
        const parameters = await decoder.readParameters();
        const state = await decoder.readOptimizerState();
        expect(state.step).toBe(3);
        const resumed = await backend().createDecoder(spec, parameters);
        await resumed.writeOptimizerState(state);
        for (let index = 3; index < 5; index++) {
          const [straight, again] = [await step(decoder, index), await step(resumed, index)];
          expectClose([again.lossSum], [straight.lossSum], {}, `loss of step ${index}`);
        }
        const [straight, again] = [await decoder.readOptimizerState(), await resumed.readOptimizerState()];
        expect(again.step).toBe(5);
        expectTensorsClose(await resumed.readParameters(), await decoder.readParameters(), {});
        expectTensorsClose(again.firstMoments, straight.firstMoments, {});
        expectTensorsClose(again.secondMoments, straight.secondMoments, {});
        expect(again.averages?.size).toBe(straight.averages?.size);
        if (again.averages && straight.averages) expectTensorsClose(again.averages, straight.averages, {});
        resumed.dispose();
      }));

    it("adds up: the loss of a batch is the sum of its captions' losses", () =>
      withDecoder(async (decoder) => {
        const { lossSum, tokenCount } = await decoder.evaluateLoss(batch);
        let sum = 0;
        let count = 0;
        for (let row = 0; row < batch.batchSize; row++) {
          const alone = await decoder.evaluateLoss(captionOf(batch, row));
          sum += alone.lossSum;
          count += alone.tokenCount;
        }
        expect(count).toBe(tokenCount);
        expectClose([sum], [lossSum], tolerances.loss);
      }));

    it("predicts the caption after whatever it is fed in its place", () =>
      withDecoder(async (decoder) => {
        const { lossSum } = await decoder.evaluateLoss(batch);
        const own = await decoder.evaluateLoss({ ...batch, inputTokenIds: shiftedRight(batch) });
        expect(own.lossSum).toBe(lossSum);
        const inputTokenIds = Int32Array.from(batch.tokenIds, (_, at) => 4 + ((at * 5) % (spec.vocabSize - 4)));
        const fed = { ...batch, inputTokenIds, labelSmoothing: 0 };
        expectClose([(await decoder.evaluateLoss(fed)).lossSum], [await lossOverSteps(decoder, fed)], tolerances.loss);
      }));

    it("returns parameters as they were written", () =>
      withDecoder(async (decoder) => {
        expectTensorsClose(await decoder.readParameters(), golden.parameters, {});
        const doubled = new Map(
          [...golden.parameters].map(([name, { shape, data }]) => [
            name,
            { shape, data: data.map((value) => 2 * value) },
          ]),
        );
        await decoder.writeParameters(doubled);
        expectTensorsClose(await decoder.readParameters(), doubled, {});
      }));
  });

  it("gives words that do not occur, and padding, a gradient of exactly zero", async () => {
    const golden = readDecoderGolden("first-input");
    const { batch, spec } = golden;
    await withGoldenDecoder(backend(), golden, async (decoder) => {
      await decoder.trainStep(batch, STILL);
      const { data } = (await decoder.readGradients()).get("embedding.weight")!;
      const fed = new Set<number>();
      for (const [row, length] of batch.lengths.entries()) {
        for (let step = 0; step < length - 1; step++) fed.add(batch.tokenIds[row * batch.timeSteps + step]!);
      }
      for (let token = 0; token < spec.vocabSize; token++) {
        const row = data.subarray(token * spec.embeddingSize, (token + 1) * spec.embeddingSize);
        expect(
          row.some((value) => value !== 0),
          `token ${token}`,
        ).toBe(fed.has(token));
      }
    });
  });

  it("trains captions that are nothing but <end>", async () => {
    for (const name of ["first-input", "initial-state", "attention"]) {
      const golden = readDecoderGolden(name);
      const batch = { ...captionOf(golden.batch, 0), lengths: Int32Array.of(1) };
      batch.tokenIds[0] = 2;
      await withGoldenDecoder(backend(), golden, async (decoder) => {
        const { lossSum, tokenCount } = await decoder.trainStep(batch, STILL);
        expect(tokenCount).toBe(1);
        expect(lossSum).toBeGreaterThan(0);
        const gradients = await decoder.readGradients();
        const trainable = parameterShapes(golden.spec).filter((shape) => shape.trainable);
        expect([...gradients.keys()].sort()).toEqual(trainable.map((shape) => shape.name).sort());
        const embedding = gradients.get("embedding.weight")!.data;
        expect(embedding.every((value) => value === 0)).toBe(golden.spec.imageInjection === "first-input");
      });
    }
  });

  it("starts without moments and goes back to none", async () => {
    const golden = readDecoderGolden("tied");
    await withGoldenDecoder(backend(), golden, async (decoder) => {
      const fresh = await decoder.readOptimizerState();
      expect(fresh.step).toBe(0);
      expect(fresh.firstMoments.size + fresh.secondMoments.size).toBe(0);
      const first = await decoder.trainStep(golden.batch, golden.update);
      const after = await decoder.readParameters();
      await decoder.writeOptimizerState(fresh);
      await decoder.writeParameters(golden.parameters);
      await expect(decoder.readAverages()).rejects.toThrow("averageDecay");
      const again = await decoder.trainStep(golden.batch, golden.update);
      expectClose([again.lossSum], [first.lossSum], {});
      expectTensorsClose(await decoder.readParameters(), after, {});
    });
  });
}

function moveAlong(parameters: NamedTensors, name: string, direction: Tensor, scale: number): NamedTensors {
  const { shape, data } = parameters.get(name)!;
  const moved = { shape, data: data.map((value, index) => value + scale * direction.data[index]!) };
  return new Map(parameters).set(name, moved);
}

/** What the decoder is fed where nothing else is said. */
function shiftedRight({ tokenIds, timeSteps }: TrainingBatch): Int32Array {
  return tokenIds.map((_, at) => (at % timeSteps === 0 ? 0 : tokenIds[at - 1]!));
}

/** The loss of a batch with inputs of its own, one step after the other. */
async function lossOverSteps(decoder: BackendDecoder, batch: TrainingBatch): Promise<number> {
  const { timeSteps, batchSize, lengths, tokenIds, tokenWeights, inputTokenIds } = batch;
  const column = (step: number) =>
    Int32Array.from({ length: batchSize }, (_, row) => (step === 0 ? 1 : inputTokenIds![row * timeSteps + step]!));
  const state = await decoder.start(batch.features);
  let lossSum = 0;
  await decoder.gatherRows(state, batch.imageOfRow);
  for (let step = 0; step < timeSteps; step++) {
    const { data } = await decoder.step(state, column(step));
    const { vocabSize } = decoder.spec;
    for (let row = 0; row < batchSize; row++) {
      if (step >= lengths[row]!) continue;
      const at = row * timeSteps + step;
      const logits = data.subarray(row * vocabSize, (row + 1) * vocabSize);
      lossSum += (tokenWeights?.[at] ?? 1) * (logSumExp(logits, 0, vocabSize) - logits[tokenIds[at]!]!);
    }
  }
  state.dispose();
  return lossSum;
}

/** The batch with `extra` more steps of padding, and weights at padding that would show. */
function withPadding(batch: TrainingBatch, extra: number): TrainingBatch {
  const timeSteps = batch.timeSteps + extra;
  const tokenIds = new Int32Array(batch.batchSize * timeSteps);
  const tokenWeights = new Float32Array(tokenIds.length).fill(1000);
  for (const [row, length] of batch.lengths.entries()) {
    for (let step = 0; step < length; step++) {
      const from = row * batch.timeSteps + step;
      tokenIds[row * timeSteps + step] = batch.tokenIds[from]!;
      tokenWeights[row * timeSteps + step] = batch.tokenWeights?.[from] ?? 1;
    }
  }
  return { ...batch, timeSteps, tokenIds, tokenWeights };
}

/** One caption of the batch with its image. */
function captionOf(batch: TrainingBatch, row: number): TrainingBatch {
  const image = batch.imageOfRow[row]!;
  const { pooled, grid } = batch.features;
  const [from, to] = [row * batch.timeSteps, (row + 1) * batch.timeSteps];
  return {
    ...batch,
    features: {
      pooled: sliceImages(pooled, image, image + 1),
      ...(grid && { grid: sliceImages(grid, image, image + 1) }),
    },
    imageOfRow: Int32Array.of(0),
    batchSize: 1,
    tokenIds: batch.tokenIds.slice(from, to),
    lengths: batch.lengths.slice(row, row + 1),
    ...(batch.tokenWeights && { tokenWeights: batch.tokenWeights.slice(from, to) }),
    ...(batch.inputTokenIds && { inputTokenIds: batch.inputTokenIds.slice(from, to) }),
  };
}
