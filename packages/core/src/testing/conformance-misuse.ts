import { describe, expect, it } from "vitest";
import type { BackendDecoder, DecoderState, TrainingBatch } from "../decoder/backend.js";
import { START_TOKEN_ID } from "../decoder/decoder-spec.js";
import { DisposedError, OptionError, ShapeError, ShowtellError } from "../errors.js";
import type { ConformanceSubject } from "./conformance.js";
import { readDecoderGolden, withGoldenDecoder } from "./decoder-goldens.js";
import { expectClose } from "./expect-close.js";

const ONE_SENTENCE = /^Expected .+ but received .+\.$/s;

/** Every misuse is an error with a sentence, and leaves the decoder usable. */
export function describeMisuse({ backend, tolerances }: ConformanceSubject): void {
  describe("misuse", () => {
    const golden = readDecoderGolden("attention");
    const plain = readDecoderGolden("first-input");
    const { batch, update, spec } = golden;
    const { features } = batch;
    const withDecoder = (use: (decoder: BackendDecoder) => Promise<void>) => withGoldenDecoder(backend(), golden, use);
    const starts = (state: DecoderState) => new Int32Array(state.rows).fill(START_TOKEN_ID);

    it("refuses parameters that are missing, surplus or of another shape, by name", async () => {
      const create = (change: (parameters: Map<string, { shape: number[]; data: Float32Array }>) => void) => {
        const parameters = new Map(
          [...golden.parameters].map(([name, { shape, data }]) => [name, { shape: [...shape], data }]),
        );
        change(parameters);
        return backend().createDecoder(spec, parameters);
      };
      const missing = create((parameters) => parameters.delete("output.bias"));
      await rejects(missing, ShapeError, "output.bias");
      const surplus = create((parameters) => parameters.set("output.extra", { shape: [1], data: new Float32Array(1) }));
      await rejects(surplus, ShapeError, "output.extra");
      const transposed = create((parameters) => parameters.get("image.weight")!.shape.reverse());
      await rejects(transposed, ShapeError, "image.weight");
      await withDecoder((decoder) => rejects(decoder.writeParameters(new Map()), ShapeError, "image.weight"));
    });

    it("refuses a precision it does not have", async () => {
      const create = backend().createDecoder(spec, golden.parameters, { precision: "float8" as "float32" });
      await rejects(create, OptionError, "float8");
    });

    it("refuses features of another shape", () =>
      withDecoder(async (decoder) => {
        const { pooled, grid } = features;
        await rejects(decoder.start({ pooled }), ShapeError, "grid");
        await rejects(
          decoder.start({ pooled: { shape: [1, 2], data: new Float32Array(2) }, grid: grid! }),
          ShapeError,
          "pooled",
        );
        const short = { shape: pooled.shape, data: pooled.data.slice(1) };
        await rejects(decoder.start({ pooled: short, grid: grid! }), ShapeError, "pooled");
        const halves = { shape: grid!.shape, data: new Uint16Array(grid!.data.length - 1) };
        await rejects(decoder.start({ pooled, grid: halves }), ShapeError, "grid");
        const bytes = { shape: grid!.shape, data: new Uint8Array(grid!.data.length) as unknown as Uint16Array };
        await rejects(decoder.start({ pooled, grid: bytes }), ShapeError, "float16");
      }));

    it("refuses tokens and rows that do not fit the state", () =>
      withDecoder(async (decoder) => {
        const state = await decoder.start(features);
        await rejects(decoder.step(state, new Int32Array(1).fill(START_TOKEN_ID)), ShapeError);
        await rejects(decoder.step(state, starts(state).fill(3)), ShowtellError);
        if (decoder.sampleStep) {
          const sample = (uniform: number, temperature: number, rows = state.rows) => {
            const uniforms = new Float64Array(rows).fill(uniform);
            return decoder.sampleStep!(state, starts(state), { uniforms, temperature });
          };
          await rejects(sample(0.5, 1, state.rows + 1), ShapeError, "uniforms");
          await rejects(sample(1, 1), OptionError, "uniforms");
          await rejects(sample(Number.NaN, 1), OptionError, "uniforms");
          await rejects(sample(0.5, 0), OptionError, "temperature");
        }
        await rejects(decoder.readAttention(state), OptionError);
        await rejects(decoder.gatherRows(state, new Int32Array(0)), ShapeError);
        await rejects(decoder.gatherRows(state, Int32Array.of(state.rows)), ShowtellError);
        await rejects(decoder.gatherRows(state, Int32Array.of(-1)), ShowtellError);
        await decoder.step(state, starts(state));
        await rejects(decoder.step(state, starts(state).fill(spec.vocabSize)), ShowtellError);
        await rejects(decoder.step(state, starts(state).fill(-1)), ShowtellError);
        const next = await decoder.step(state, starts(state).fill(4));
        expect(next.shape).toEqual([state.rows, spec.vocabSize]);
        state.dispose();
      }));

    it("refuses attention where there is none", () =>
      withGoldenDecoder(backend(), plain, async (decoder) => {
        const state = await decoder.start(plain.batch.features);
        await decoder.step(state, starts(state));
        await rejects(decoder.readAttention(state), OptionError);
      }));

    it("refuses states of another decoder", () =>
      withDecoder((decoder) =>
        withGoldenDecoder(backend(), golden, async (other) => {
          const foreign = await other.start(features);
          await rejects(decoder.step(foreign, starts(foreign)), ShowtellError);
          await rejects(decoder.gatherRows(foreign, Int32Array.of(0)), ShowtellError);
        }),
      ));

    it("refuses batches and updates that cannot be, and is as it was", () =>
      withDecoder(async (decoder) => {
        const wrong: readonly Partial<TrainingBatch>[] = [
          { lengths: batch.lengths.slice(1) },
          { lengths: batch.lengths.map(() => 0) },
          { lengths: batch.lengths.map(() => batch.timeSteps + 1) },
          { tokenIds: batch.tokenIds.slice(1) },
          { tokenIds: batch.tokenIds.map(() => spec.vocabSize) },
          { inputTokenIds: batch.tokenIds.slice(1) },
          { inputTokenIds: batch.tokenIds.map(() => spec.vocabSize) },
          { imageOfRow: batch.imageOfRow.map(() => 99) },
          { tokenWeights: new Float32Array(1) },
          { labelSmoothing: 1 },
          { dropoutSeed: -1 },
          { batchSize: 0 },
        ];
        for (const change of wrong) {
          await rejects(decoder.trainStep({ ...batch, ...change }, update), ShowtellError);
          await rejects(decoder.evaluateLoss({ ...batch, ...change }), ShowtellError);
        }
        for (const change of [
          { learningRate: Number.NaN },
          { beta1: 1 },
          { epsilon: 0 },
          { clipNorm: 0 },
          { averageDecay: 2 },
        ]) {
          await rejects(decoder.trainStep(batch, { ...update, ...change }), OptionError);
        }
        await rejects(decoder.readGradients(), OptionError);
        await rejects(decoder.readAverages(), OptionError);
        const empty = new Map();
        await rejects(decoder.writeOptimizerState({ step: 2, firstMoments: empty, secondMoments: empty }), ShapeError);
        for (const lossScale of [
          { factor: 0.5, stepsWithoutOverflow: 0 },
          { factor: Number.POSITIVE_INFINITY, stepsWithoutOverflow: 0 },
          { factor: 2, stepsWithoutOverflow: -1 },
        ]) {
          await rejects(
            decoder.writeOptimizerState({ step: 0, firstMoments: empty, secondMoments: empty, lossScale }),
            OptionError,
          );
        }
        const { lossSum } = await decoder.trainStep(batch, update);
        expectClose([lossSum], [golden.expected.trainingLosses[0]!], tolerances.loss);
      }));

    it("rejects calls on what was disposed, and settles the calls made before", async () => {
      const decoder = await backend().createDecoder(spec, golden.parameters);
      const [first, second] = [await decoder.start(features), await decoder.start(features)];
      const pendingStep = decoder.step(first, starts(first));
      first.dispose();
      first.dispose();
      await rejects(decoder.step(first, starts(first)), DisposedError);
      expect((await pendingStep).shape).toEqual([first.rows, spec.vocabSize]);

      const pending = [decoder.evaluateLoss(batch), decoder.step(second, starts(second))] as const;
      decoder.dispose();
      decoder.dispose();
      second.dispose();
      expectClose([(await pending[0]).lossSum], [golden.expected.evaluation.lossSum], tolerances.loss);
      expect((await pending[1]).shape[0]).toBe(second.rows);
      const calls = [
        () => decoder.start(features),
        () => decoder.step(second, starts(second)),
        () => decoder.gatherRows(second, Int32Array.of(0)),
        () => decoder.readAttention(second),
        () => decoder.trainStep(batch, update),
        () => decoder.evaluateLoss(batch),
        () => decoder.readParameters(),
        () => decoder.writeParameters(golden.parameters),
        () => decoder.readGradients(),
        () => decoder.readOptimizerState(),
        () => decoder.writeOptimizerState({ step: 0, firstMoments: new Map(), secondMoments: new Map() }),
        () => decoder.readAverages(),
      ];
      for (const call of calls) await rejects(call(), DisposedError);
    });
  });
}

async function rejects(call: Promise<unknown>, type: new (message: string) => Error, names = ""): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(type);
  expect((error as Error).message).toMatch(ONE_SENTENCE);
  expect((error as Error).message).toContain(names);
}
