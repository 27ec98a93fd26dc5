import { describe, expect, it } from "vitest";
import type { BackendDecoder, Features } from "../decoder/backend.js";
import { AbortedError, OptionError, ShapeError, ShowtellError } from "../errors.js";
import { compareSearches } from "../testing/search-equivalence.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { generate } from "./generate.js";
import type { Generated, SearchOptions } from "./search-options.js";

const VOCAB_SIZE = 12;

/** A smooth function of image and prefix, so that different images have captions of different lengths. */
function waves(prefix: readonly number[], image: number, phase = 0): number[] {
  const key = prefix.reduce((sum, tokenId, index) => sum + tokenId * (index + 2), phase);
  return Array.from({ length: VOCAB_SIZE }, (_, tokenId) => 3 * Math.sin(key * 1.7 + tokenId * (image + 1.3)));
}

function softmax(logits: readonly number[]): number[] {
  const exponentials = logits.map(Math.exp);
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

const decoderOf = (phase = 0) =>
  new TableDecoder({ vocabSize: VOCAB_SIZE, logits: (prefix, image) => waves(prefix, image, phase) });
const images = [5, 2, 9, 0, 7];

describe("generate", () => {
  it.each([
    ["greedy", { beamWidth: 1 }],
    ["beam search", { beamWidth: 4, nBest: 3 }],
    ["diverse beam search", { beamWidth: 4, diversityGroups: 2 }],
    ["sampling", { temperature: 1.3, seed: 4 }],
  ])("captions a batch as it captions each image alone: %s", async (_, options) => {
    const batch = await generate(decoderOf(), tableFeatures(images), options);
    const parts = await generate(decoderOf(), tableFeatures(images), options, { batchSize: 2 });
    expect(parts).toEqual(batch);
    for (const [index, image] of images.entries()) {
      const alone = await generate(decoderOf(), tableFeatures([image]), options, { imageNumbers: [index] });
      expect(alone).toEqual([batch[index]]);
    }
  });

  it("does not care for the order of images", async () => {
    const forward = await generate(decoderOf(), tableFeatures(images), { beamWidth: 3 });
    const backward = await generate(decoderOf(), tableFeatures(images.toReversed()), { beamWidth: 3 });
    expect(backward.toReversed()).toEqual(forward);
  });

  it("drops the rows of images that are done", async () => {
    const decoder = new TableDecoder({
      vocabSize: 6,
      logits: (prefix, image) => [0, 0, prefix.length < image ? -9 : 9, 0, prefix.length < image ? 5 : 1, 0],
    });
    await generate(decoder, tableFeatures([0, 1, 2, 3]), { beamWidth: 1 });
    expect(decoder.rowsOfSteps).toEqual([4, 3, 2, 1]);
  });

  it("gives the caption of one model for an ensemble of twins", async () => {
    const single = await generate(decoderOf(), tableFeatures(images), { beamWidth: 3, nBest: 2 });
    const twins = await generate([decoderOf(), decoderOf()], tableFeatures(images), { beamWidth: 3, nBest: 2 });
    expect(twins).toEqual(single);
    const twoViews = [tableFeatures(images), tableFeatures(images)];
    expect(await generate(decoderOf(), twoViews, { beamWidth: 3, nBest: 2 })).toEqual(single);
  });

  it("averages the word probabilities of an ensemble", async () => {
    const decoders = [decoderOf(0), decoderOf(1), decoderOf(2)];
    const [generated] = await generate(decoders, tableFeatures([3]), { beamWidth: 1 });
    const { tokenIds, logProbs } = generated!.captions[0]!;
    expect(tokenIds.length).toBeGreaterThan(1);
    for (const [index, tokenId] of tokenIds.entries()) {
      const probabilities = [0, 1, 2].map((phase) => {
        return softmax(waves(tokenIds.slice(0, index), 3, phase))[tokenId]!;
      });
      expect(logProbs[index]).toBeCloseTo(Math.log(probabilities.reduce((sum, p) => sum + p, 0) / 3), 5);
    }
  });

  it("searches an ensemble like the one model that has its mean probabilities", async () => {
    const mean = new TableDecoder({
      vocabSize: VOCAB_SIZE,
      logits: (prefix, image) => {
        const members = [0, 1, 2].map((phase) => softmax(waves(prefix, image, phase).map(Math.fround)));
        return members[0]!.map((_, tokenId) => Math.log(members.reduce((sum, member) => sum + member[tokenId]!, 0)));
      },
    });
    const ensemble = [decoderOf(0), decoderOf(1), decoderOf(2)];
    const many = Array.from({ length: 40 }, (_, image) => image);
    const options = { beamWidth: 4, nBest: 4, maxLength: 10 };
    const wanted = await generate(mean, tableFeatures(many), options);
    expect(compareSearches(wanted, await generate(ensemble, tableFeatures(many), options))).toMatchObject({
      images: 40,
      identical: 40,
      differences: [],
    });
  });

  it("attaches to each word the attention of the step that chose it", async () => {
    const attention = (prefix: readonly number[], image: number) => [image, prefix.length, prefix.at(-1) ?? -1];
    const logits = (prefix: readonly number[], image: number) => waves(prefix, image);
    const decoder = new TableDecoder({ vocabSize: VOCAB_SIZE, logits, attention });
    const generated = await generate(
      decoder,
      tableFeatures(images, 3),
      { beamWidth: 3, nBest: 2 },
      { attention: true },
    );
    for (const [index, image] of images.entries()) {
      for (const caption of generated[index]!.captions) {
        expect(caption.attention?.map((weights) => Array.from(weights))).toEqual(
          caption.tokenIds.map((_, position) => [image, position, caption.tokenIds[position - 1] ?? -1]),
        );
      }
    }
    const without = await generate(decoder, tableFeatures(images, 3), { beamWidth: 3 });
    expect(without[0]!.captions[0]).not.toHaveProperty("attention");
  });

  it("lets the device search alone where it can, and only then", async () => {
    const calls: SearchOptions[] = [];
    const marker: Generated = { captions: [] };
    const withDevice = (supports: (options: SearchOptions) => true | string): BackendDecoder => {
      const generateOnDevice = async (features: Features, options: SearchOptions) => {
        calls.push(options);
        return Array.from({ length: features.pooled.shape[0]! }, () => marker);
      };
      return Object.assign(decoderOf(), { generate: generateOnDevice, supportsSearch: supports });
    };
    const able = withDevice(() => true);
    expect(await generate(able, tableFeatures([1, 2]), { beamWidth: 5 })).toEqual([marker, marker]);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ beamWidth: 5, maxLength: 20, lengthPenaltyFormula: "average" });
    for (const options of [{ temperature: 1 }, { diversityGroups: 3 }]) {
      expect((await generate(able, tableFeatures([1]), options))[0]).not.toBe(marker);
    }
    expect((await generate([able, able], tableFeatures([1])))[0]).not.toBe(marker);
    expect(
      (
        await generate(
          withDevice(() => "beam too wide"),
          tableFeatures([1]),
        )
      )[0],
    ).not.toBe(marker);
    expect(calls).toHaveLength(1);
  });

  it("frees the state when a step, a start or the caller fails", async () => {
    const failing = new TableDecoder({
      vocabSize: VOCAB_SIZE,
      logits: (prefix, image) => {
        if (prefix.length === 3) throw new Error("the device is gone");
        return waves(prefix, image).map((value, tokenId) => (tokenId === 2 ? -9 : value));
      },
    });
    await expect(generate(failing, tableFeatures([1]))).rejects.toThrow("the device is gone");
    expect(failing.openStates).toBe(0);

    const healthy = decoderOf();
    await expect(generate([healthy, failing], tableFeatures([1]))).rejects.toThrow("the device is gone");
    expect(healthy.openStates + failing.openStates).toBe(0);
    failing.dispose();
    await expect(generate([healthy, failing], tableFeatures([1]))).rejects.toThrow("open decoder");
    expect(healthy.openStates).toBe(0);

    const stop = new AbortController();
    const aborting = new TableDecoder({
      vocabSize: VOCAB_SIZE,
      logits: (prefix, image) => {
        if (prefix.length === 2) stop.abort(new Error("enough"));
        return waves(prefix, image).map((value, tokenId) => (tokenId === 2 ? -9 : value));
      },
    });
    await expect(generate(aborting, tableFeatures([1]), {}, { signal: stop.signal })).rejects.toThrow(AbortedError);
    expect(aborting.openStates).toBe(0);
    expect(aborting.rowsOfSteps).toHaveLength(3);
  });

  it("refuses logits that are not numbers", async () => {
    const logits = () => new Array<number>(VOCAB_SIZE).fill(Number.NaN);
    const decoder = new TableDecoder({ vocabSize: VOCAB_SIZE, logits });
    const captions = generate(decoder, tableFeatures([1]));
    await expect(captions).rejects.toThrow(ShowtellError);
    await expect(captions).rejects.toThrow("Expected finite logits for the next token but received");
    expect(decoder.openStates).toBe(0);
  });

  it("refuses members that do not fit together", async () => {
    const other = new TableDecoder({ vocabSize: 7, logits: () => new Array<number>(7).fill(0) });
    const [one, two] = [tableFeatures([1]), tableFeatures([1, 2])];
    await expect(generate([decoderOf(), other], one)).rejects.toThrow(OptionError);
    await expect(generate(decoderOf(), [one, two])).rejects.toThrow(ShapeError);
    await expect(generate([decoderOf(), decoderOf(), decoderOf()], [one, one])).rejects.toThrow(OptionError);
    await expect(generate([], one)).rejects.toThrow(OptionError);
    await expect(generate(decoderOf(), one, {}, { attention: true })).rejects.toThrow("a decoder with attention");
    await expect(generate(decoderOf(), one, {}, { batchSize: 0 })).rejects.toThrow("batchSize");
  });
});
