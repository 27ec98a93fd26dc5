import { generate } from "@showtell/core";
import { compareSearches, searchEquivalence } from "@showtell/core/testing";
import { expect, it } from "vitest";
import { randomFeatures, randomParameters, randomSearch, randomSpec } from "./random-decoder.js";
import { describeNative } from "./require-native.js";

const SEARCHES = 150;
const TOLERANCE = 2e-6;
// Logits are normalized here in float vectors and there in double: two captions whose scores round to the same float may change places.
const MOST_NEAR_TIES = 2;

describeNative("the addon's own search", ({ open }) => {
  it(`gives the captions of core's search over its steps, for ${SEARCHES} random decoders and options`, async () => {
    const backend = await open();
    let nearTies = 0;
    for (let seed = 0; seed < SEARCHES; seed++) {
      const spec = randomSpec(seed);
      const decoder = await backend.createDecoder(spec, randomParameters(spec, seed, 3));
      const options = randomSearch(spec, seed);
      const images = 1 + (seed % 4);
      const report = await searchEquivalence(decoder, randomFeatures(spec, images, seed), options, TOLERANCE);
      const label = `seed ${seed}: ${JSON.stringify(options)}`;
      expect(report.differences, label).toEqual([]);
      expect(report.identical + report.nearTies, label).toBe(images);
      nearTies += report.nearTies;
      decoder.dispose();
    }
    expect(nearTies).toBeLessThanOrEqual(MOST_NEAR_TIES);
    await backend.dispose();
  });

  it.each([1, 2, 5])(
    "breaks ties as core does when every word is as likely as any other, beam %i",
    async (beamWidth) => {
      const backend = await open();
      const spec = randomSpec(1);
      const parameters = randomParameters(spec, 1);
      const zeros = new Map(
        [...parameters].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }]),
      );
      const decoder = await backend.createDecoder(spec, zeros);
      const options = { beamWidth, nBest: beamWidth, maxLength: 4 };
      const report = await searchEquivalence(decoder, randomFeatures(spec, 2, 1), options);
      expect(report).toEqual({ images: 2, identical: 2, nearTies: 0, differences: [] });
      await backend.dispose();
    },
  );

  it("does not depend on the other images of the batch", async () => {
    const backend = await open();
    const spec = randomSpec(3);
    const decoder = await backend.createDecoder(spec, randomParameters(spec, 3, 3));
    const options = { beamWidth: 3, nBest: 2, maxLength: 8 };
    const features = randomFeatures(spec, 5, 3);
    const together = await generate(decoder, features, options);
    const alone = await generate(decoder, features, options, { batchSize: 1 });
    expect(compareSearches(together, alone, TOLERANCE)).toMatchObject({ identical: 5, differences: [] });
    await backend.dispose();
  });
});
