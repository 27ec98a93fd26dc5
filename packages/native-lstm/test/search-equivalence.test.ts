import { type BackendDecoder, type Features, type Generated, generate, type SearchOptions } from "@showtell/core";
import { expect, it } from "vitest";
import { randomFeatures, randomParameters, randomSearch, randomSpec } from "./random-decoder.js";
import { describeNative } from "./require-native.js";

const SEARCHES = 120;

/** The same decoder without its own search: core then searches over its steps. */
function stepsOnly(decoder: BackendDecoder): BackendDecoder {
  const { spec, backend } = decoder;
  return {
    spec,
    backend,
    start: (features) => decoder.start(features),
    step: (state, tokenIds) => decoder.step(state, tokenIds),
    gatherRows: (state, rows) => decoder.gatherRows(state, rows),
    readAttention: (state) => decoder.readAttention(state),
    trainStep: (batch, update) => decoder.trainStep(batch, update),
    evaluateLoss: (batch) => decoder.evaluateLoss(batch),
    readParameters: () => decoder.readParameters(),
    writeParameters: (parameters) => decoder.writeParameters(parameters),
    readGradients: () => decoder.readGradients(),
    readOptimizerState: () => decoder.readOptimizerState(),
    writeOptimizerState: (state) => decoder.writeOptimizerState(state),
    readAverages: () => decoder.readAverages(),
    dispose: () => decoder.dispose(),
  };
}

describeNative("the addon's own search", ({ open }) => {
  async function bothSearches(decoder: BackendDecoder, features: Features, options: SearchOptions) {
    const own = (await decoder.generate?.(features, options)) ?? [];
    return { own, core: await generate(stepsOnly(decoder), features, options) };
  }

  /** Words exactly; log-probabilities to the last bits, as the batch may have been cut otherwise. */
  function expectSameCaptions(own: readonly Generated[], core: readonly Generated[], label: string): void {
    const words = (all: readonly Generated[]) =>
      all.map((image) =>
        image.captions.map((caption) => ({ tokenIds: caption.tokenIds, cut: caption.endedByMaxLength })),
      );
    expect(words(own), label).toEqual(words(core));
    own.forEach((image, i) => {
      image.captions.forEach((caption, j) => {
        const other = core[i]!.captions[j]!;
        expect(caption.score, label).toBeCloseTo(other.score, 4);
        expect(caption.normalizedScore, label).toBeCloseTo(other.normalizedScore, 4);
        expect(caption.logProbs.length, label).toBe(caption.tokenIds.length);
        for (const [t, logProb] of caption.logProbs.entries())
          expect(logProb, label).toBeCloseTo(other.logProbs[t]!, 4);
      });
    });
  }

  it(`gives the captions of core's search over its steps, for ${SEARCHES} random decoders and options`, async () => {
    const backend = await open();
    for (let seed = 0; seed < SEARCHES; seed++) {
      const spec = randomSpec(seed);
      const decoder = await backend.createDecoder(spec, randomParameters(spec, seed, 3));
      const options = randomSearch(spec, seed);
      const { own, core } = await bothSearches(decoder, randomFeatures(spec, 1 + (seed % 4), seed), options);
      expectSameCaptions(own, core, `seed ${seed}: ${JSON.stringify(options)}`);
      decoder.dispose();
    }
    await backend.dispose();
  });

  it.each([1, 2, 5])(
    "breaks ties as core does when every word is as likely as any other, beam %i",
    async (beamWidth) => {
      const backend = await open();
      const spec = randomSpec(1);
      const zeros = new Map(
        [...randomParameters(spec, 1)].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }]),
      );
      const decoder = await backend.createDecoder(spec, zeros);
      const options = {
        ...randomSearch(spec, 1),
        beamWidth,
        nBest: beamWidth,
        maxLength: 4,
        minLength: 1,
        forcedPrefix: [],
      };
      const { own, core } = await bothSearches(decoder, randomFeatures(spec, 2, 1), options);
      expectSameCaptions(own, core, "ties");
      await backend.dispose();
    },
  );

  it("does not depend on the other images of the batch", async () => {
    const backend = await open();
    const spec = randomSpec(3);
    const decoder = await backend.createDecoder(spec, randomParameters(spec, 3, 3));
    const options = { ...randomSearch(spec, 3), beamWidth: 3, nBest: 2, maxLength: 8, minLength: 1, forcedPrefix: [] };
    const features = randomFeatures(spec, 5, 3);
    const together = await generate(decoder, features, options);
    const alone = await generate(decoder, features, options, { batchSize: 1 });
    expectSameCaptions(together, alone, "batch of five against one by one");
    await backend.dispose();
  });
});
