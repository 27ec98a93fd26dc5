import { describe, expect, it } from "vitest";
import type { BackendDecoder, DecoderState, Features } from "../decoder/backend.js";
import { PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID } from "../decoder/decoder-spec.js";
import { encodeFloat16, toFloat32 } from "../float16.js";
import { sliceImages } from "../generation/decoder-ensemble.js";
import { resolveGenerationOptions } from "../generation/generation-options.js";
import type { SearchOptions } from "../generation/search-options.js";
import { searchOverSteps } from "../generation/search-over-steps.js";
import type { Tensor } from "../tensor.js";
import type { ConformanceSubject } from "./conformance.js";
import { readDecoderGolden, withGoldenDecoder } from "./decoder-goldens.js";
import { expectClose } from "./expect-close.js";

/** The numbers that tokens are drawn with; below 0 for the likeliest. */
const DRAWS = [-1, 0, 1e-9, 0.2, 0.5, 0.77, 0.999, 1 - 2 ** -53];
/** How far a cumulative distribution in float32 may be off. */
const DRAW_ROUNDING = 1e-5;
const NEVER_WRITTEN: ReadonlySet<number> = new Set([PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID]);

const SPECS = ["first-input", "initial-state", "batch-norm", "attention", "attention-dropout"];

/** The laws of start, step and gatherRows, and a search of the backend's own against core's. */
export function describeGeneration({ backend, tolerances }: ConformanceSubject): void {
  describe.each(SPECS)("generation with %s", (name) => {
    const golden = readDecoderGolden(name);
    const { features } = golden.batch;
    const images = features.pooled.shape[0]!;
    const withDecoder = (use: (decoder: BackendDecoder) => Promise<void>) => withGoldenDecoder(backend(), golden, use);

    it("gives a batch of images what it gives each image alone", () =>
      withDecoder(async (decoder) => {
        const together = await walk(decoder, features, [3, 4, 5]);
        for (let image = 0; image < images; image++) {
          const alone = await walk(decoder, imageOf(features, image), [3, 4, 5]);
          for (const [step, { data }] of alone.entries()) {
            const row = rowsOf(together[step]!, [image]);
            expectClose(row, data, tolerances.repeat, `image ${image}, step ${step}`);
          }
        }
      }));

    const { grid } = features;
    if (grid) {
      it("takes a grid of halves for the float32 they stand for", () =>
        withDecoder(async (decoder) => {
          const { pooled } = features;
          const halves = { shape: grid.shape, data: encodeFloat16(toFloat32(grid).data) };
          const { search } = resolveGenerationOptions({ beamWidth: 2, maxLength: 5 }, golden.spec.vocabSize);
          const numbersOf = async (inputs: Features) => {
            const logits = (await walk(decoder, inputs, [3])).flatMap(({ data }) => [...data]);
            const { lossSum } = await decoder.evaluateLoss({ ...golden.batch, features: inputs });
            const generated = (await decoder.generate?.(inputs, search)) ?? [];
            return [...logits, lossSum, ...generated.map(({ captions }) => captions[0]!.score)];
          };
          const expected = await numbersOf({ pooled, grid: toFloat32(halves) });
          expectClose(await numbersOf({ pooled, grid: halves }), expected, tolerances.repeat);
        }));
    }

    it("gathers rows before and after the first step: widening, reordering and dropping", () =>
      withDecoder(async (decoder) => {
        const plain = await walk(decoder, features, [3, 6]);
        const last = images - 1;
        const wide = [last, 0, 0, last, 0];
        const state = await decoder.start(features);
        await decoder.gatherRows(state, Int32Array.from(wide));
        expect(state.rows).toBe(5);
        expectClose((await feed(decoder, state)).data, rowsOf(plain[0]!, wide), tolerances.repeat, "widened");
        await decoder.gatherRows(state, Int32Array.from([3, 1]));
        const dropped = await feed(decoder, state, 3);
        expect(dropped.shape).toEqual([2, golden.spec.vocabSize]);
        expectClose(dropped.data, rowsOf(plain[1]!, [last, 0]), tolerances.repeat, "dropped");
        await decoder.gatherRows(state, Int32Array.from([1]));
        expectClose((await feed(decoder, state, 6)).data, rowsOf(plain[2]!, [0]), tolerances.repeat, "one left");
        state.dispose();
      }));

    it("draws tokens where their probabilities lie", () =>
      withDecoder(async (decoder) => {
        if (!decoder.sampleStep) return;
        const { vocabSize } = golden.spec;
        const state = await decoder.start(features);
        const wide = Int32Array.from({ length: images * DRAWS.length }, (_, row) => row % images);
        await decoder.gatherRows(state, wide);
        let fed: Int32Array = new Int32Array(wide.length).fill(START_TOKEN_ID);
        const twin = await decoder.start(features);
        await decoder.gatherRows(twin, wide);
        for (const temperature of [1, 0.4]) {
          const uniforms = Float64Array.from(wide, (_, row) => DRAWS[Math.floor(row / images)]!);
          const { data } = await decoder.step(twin, fed);
          const drawn = await decoder.sampleStep(state, fed, { uniforms, temperature });
          for (const [row, tokenId] of drawn.entries()) {
            const logits = data.subarray(row * vocabSize, (row + 1) * vocabSize);
            const uniform = uniforms[row]!;
            const weights = Array.from(logits, (logit, id) =>
              NEVER_WRITTEN.has(id) ? 0 : Math.exp(logit / temperature),
            );
            if (uniform < 0) {
              expect(weights[tokenId]).toBeGreaterThanOrEqual(Math.max(...weights) * (1 - DRAW_ROUNDING));
            } else {
              const upTo = (end: number) => weights.slice(0, end).reduce((sum, weight) => sum + weight, 0);
              const total = upTo(vocabSize);
              expect(weights[tokenId]).toBeGreaterThan(0);
              expect(upTo(tokenId)).toBeLessThanOrEqual(total * (uniform + DRAW_ROUNDING));
              expect(upTo(tokenId + 1)).toBeGreaterThanOrEqual(total * (uniform - DRAW_ROUNDING));
            }
          }
          fed = drawn;
        }
        state.dispose();
        twin.dispose();
      }));

    it("keeps states of one decoder apart", () =>
      withDecoder(async (decoder) => {
        const expected = await walk(decoder, features, [3, 4]);
        const [first, second] = [await decoder.start(features), await decoder.start(features)];
        await feed(decoder, first);
        await feed(decoder, second);
        await feed(decoder, second, 7);
        await feed(decoder, first, 3);
        expectClose((await feed(decoder, first, 4)).data, expected[2]!.data, tolerances.repeat);
        first.dispose();
        second.dispose();
      }));

    it("runs calls in the order they were made, without waiting for each other", () =>
      withDecoder(async (decoder) => {
        const state = await decoder.start(features);
        await feed(decoder, state);
        await decoder.gatherRows(state, Int32Array.from([0, 0]));
        const waited = await feed(decoder, state, 5);
        state.dispose();
        const hasty = await decoder.start(features);
        const calls = [
          feed(decoder, hasty),
          decoder.gatherRows(hasty, Int32Array.from([0, 0])),
          decoder.step(hasty, Int32Array.from([5, 5])),
        ] as const;
        expectClose((await calls[2]).data, waited.data, tolerances.repeat);
        await Promise.all(calls);
        hasty.dispose();
      }));

    it("captions like core's search over its steps", () =>
      withDecoder(async (decoder) => {
        for (const partial of SEARCHES) {
          const resolved = resolveGenerationOptions(partial, golden.spec.vocabSize);
          const expected = await searchOverSteps([{ decoder, features }], resolved);
          expect(expected).toHaveLength(images);
          if (!decoder.generate || decoder.supportsSearch?.(resolved.search) !== true) continue;
          const generated = await decoder.generate(features, resolved.search);
          for (const [image, { captions }] of generated.entries()) {
            const wanted = expected[image]!.captions;
            expect(captions.map(({ tokenIds }) => tokenIds)).toEqual(wanted.map(({ tokenIds }) => tokenIds));
            for (const [rank, caption] of captions.entries()) {
              expect(caption.endedByMaxLength).toBe(wanted[rank]!.endedByMaxLength);
              expectClose(caption.logProbs, wanted[rank]!.logProbs, tolerances.logits, "logProbs");
              expectClose([caption.normalizedScore], [wanted[rank]!.normalizedScore], tolerances.loss, "score");
            }
          }
        }
      }));
  });
}

const SEARCHES: readonly Partial<SearchOptions>[] = [
  { beamWidth: 1, maxLength: 8 },
  { beamWidth: 3, maxLength: 8, nBest: 3 },
  { beamWidth: 4, maxLength: 6, nBest: 2, lengthPenalty: 0.7, lengthPenaltyFormula: "average", minLength: 3 },
  {
    beamWidth: 2,
    maxLength: 7,
    noRepeatNgramSize: 2,
    bannedTokens: [4],
    forbiddenFirstWords: [5],
    lengthPenalty: 1,
    lengthPenaltyFormula: "gnmt",
  },
  { beamWidth: 3, maxLength: 7, forcedPrefix: [6, 7], nBest: 3 },
];

/** Feeds `<start>` and then each token to every row; logits of all steps. */
async function walk(decoder: BackendDecoder, features: Features, tokens: readonly number[]): Promise<Tensor[]> {
  const state = await decoder.start(features);
  const logits: Tensor[] = [];
  for (const token of [START_TOKEN_ID, ...tokens]) logits.push(await feed(decoder, state, token));
  state.dispose();
  return logits;
}

function feed(decoder: BackendDecoder, state: DecoderState, token = START_TOKEN_ID): Promise<Tensor> {
  return decoder.step(state, new Int32Array(state.rows).fill(token));
}

function rowsOf({ shape, data }: Tensor, rows: readonly number[]): number[] {
  const columns = shape[1]!;
  return rows.flatMap((row) => [...data.subarray(row * columns, (row + 1) * columns)]);
}

function imageOf({ pooled, grid }: Features, image: number): Features {
  return { pooled: sliceImages(pooled, image, image + 1), ...(grid && { grid: sliceImages(grid, image, image + 1) }) };
}
