import { describe, expect, it } from "vitest";
import type { BackendDecoder } from "../decoder/backend.js";
import { START_TOKEN_ID } from "../decoder/decoder-spec.js";
import type { ConformanceSubject } from "./conformance.js";
import { type DecoderGolden, decoderGoldenNames, readDecoderGolden, withGoldenDecoder } from "./decoder-goldens.js";
import { expectClose, expectTensorsClose } from "./expect-close.js";

/** The arithmetic, against PyTorch in float64. */
export function describeGoldens({ backend, tolerances }: ConformanceSubject): void {
  describe.each(decoderGoldenNames())("golden %s", (name) => {
    const golden = readDecoderGolden(name);
    const { expected, batch, update } = golden;

    it("steps to the teacher-forced logits and attention", async () => {
      await withGoldenDecoder(backend(), golden, async (decoder) => {
        const { logits, attention } = await teacherForced(decoder, golden);
        expectClose(logits, expected.logits.data, tolerances.logits, "logits");
        if (expected.attention) expectClose(attention, expected.attention.data, tolerances.attention, "attention");
      });
    });

    it("evaluates the loss", async () => {
      await withGoldenDecoder(backend(), golden, async (decoder) => {
        const { lossSum, tokenCount } = await decoder.evaluateLoss(batch);
        expect(tokenCount).toBe(expected.evaluation.tokenCount);
        expectClose([lossSum], [expected.evaluation.lossSum], tolerances.loss, "lossSum");
      });
    });

    it("differentiates the loss", async () => {
      await withGoldenDecoder(backend(), golden, async (decoder) => {
        const { lossSum, tokenCount, gradientNorm } = await decoder.trainStep(batch, update);
        expect(tokenCount).toBe(expected.evaluation.tokenCount);
        expectClose([lossSum], [expected.trainingLosses[0]!], tolerances.loss, "lossSum");
        expectClose([gradientNorm], [expected.gradientNorm], tolerances.loss, "gradientNorm");
        expectTensorsClose(await decoder.readGradients(), expected.gradients, tolerances.gradients);
      });
    });

    it("trains ten steps", async () => {
      await withGoldenDecoder(backend(), golden, async (decoder) => {
        for (const [index, loss] of expected.trainingLosses.entries()) {
          const result = await decoder.trainStep({ ...batch, dropoutSeed: batch.dropoutSeed + index }, update);
          expectClose([result.lossSum], [loss], tolerances.training, `loss of step ${index}`);
          const norm = expected.gradientNorms[index]!;
          expectClose([result.gradientNorm], [norm], tolerances.training, `gradient norm of step ${index}`);
        }
        expectTensorsClose(await decoder.readParameters(), expected.parametersAfterTraining, tolerances.parameters);
        const { lossSum } = await decoder.evaluateLoss(batch);
        expectClose([lossSum], [expected.evaluationAfterTraining.lossSum], tolerances.training, "final lossSum");
        if (!expected.averagesAfterTraining) return;
        const averages = [...(await decoder.readAverages())].filter(([name]) =>
          expected.averagesAfterTraining!.has(name),
        );
        expectTensorsClose(new Map(averages), expected.averagesAfterTraining, tolerances.parameters);
      });
    });
  });
}

/** Logits `[batch, timeSteps, vocabSize]` and attention `[batch, timeSteps, cells]` by single steps, one row a caption. */
async function teacherForced(decoder: BackendDecoder, { spec, batch }: DecoderGolden) {
  const { batchSize, timeSteps, tokenIds, features, imageOfRow } = batch;
  const cells = features.grid?.shape[1] ?? 0;
  const logits = new Float32Array(batchSize * timeSteps * spec.vocabSize);
  const attention = new Float32Array(batchSize * timeSteps * cells);
  const state = await decoder.start(features);
  await decoder.gatherRows(state, imageOfRow);
  for (let step = 0; step < timeSteps; step++) {
    const inputs = Int32Array.from({ length: batchSize }, (_, row) =>
      step === 0 ? START_TOKEN_ID : tokenIds[row * timeSteps + step - 1]!,
    );
    spread(await decoder.step(state, inputs), logits, step, timeSteps);
    if (spec.attention) spread(await decoder.readAttention(state), attention, step, timeSteps);
  }
  state.dispose();
  return { logits, attention };
}

/** Writes the rows of one step, `[rows, columns]`, to their places in `[rows, timeSteps, columns]`. */
function spread(
  { shape, data }: { shape: readonly number[]; data: Float32Array },
  target: Float32Array,
  step: number,
  timeSteps: number,
): void {
  const [rows, columns] = shape as [number, number];
  for (let row = 0; row < rows; row++) {
    target.set(data.subarray(row * columns, (row + 1) * columns), (row * timeSteps + step) * columns);
  }
}
