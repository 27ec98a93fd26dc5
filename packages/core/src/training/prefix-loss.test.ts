import { describe, expect, it } from "vitest";
import { imagesOf } from "../data/caption-pairs.js";
import { openBackend } from "../decoder/backend-registry.js";
import { NO_DROPOUT } from "../decoder/decoder-spec.js";
import { initializeParameters } from "../decoder/initialize-parameters.js";
import { tfjsCandidates } from "../decoder/tfjs/tfjs-candidates.js";
import type { FeatureSource } from "../features/feature-source.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { toyTraining } from "../testing/toy-training.js";
import { Vocabulary } from "../text/vocabulary.js";
import { captionSplit } from "./decode-split.js";
import { planEvaluation } from "./plan-batches.js";
import { type PositionLosses, prefixLosses, toPrefixImages } from "./prefix-loss.js";
import { splitLoss } from "./split-loss.js";
import { collectExamples } from "./training-examples.js";

const [END, A, B, C] = [2, 4, 5, 6];
const VOCAB_SIZE = 7;

/** The image's number is its id and its only feature. */
const numbered: FeatureSource = {
  featureSize: 1,
  views: ["plain"],
  has: () => true,
  read: async (requests) => tableFeatures(requests.map(({ imageId }) => Number(imageId))),
};
const feed = { source: numbered, grid: false, standardization: undefined };

/** Gives the word after which the next is asked for probability 1/2, after `<start>` all the same, and image 1 doubles its taste for B. */
const parrot = () =>
  new TableDecoder({
    vocabSize: VOCAB_SIZE,
    logits: (prefix, image) => {
      const weights = new Array(VOCAB_SIZE).fill(1);
      const last = prefix.at(-1);
      if (last !== undefined) weights[last] = VOCAB_SIZE - 1;
      if (image === 1) weights[B] *= 2;
      return weights.map(Math.log);
    },
  });

const means = (losses: PositionLosses) => losses.map(({ lossSum, tokenCount }) => lossSum / tokenCount);

describe("prefix losses", () => {
  it("ask for each reference's words after its own beginning, another reference's, and the model's own caption", async () => {
    const images = [
      {
        imageId: "0",
        references: [
          [A, B, END],
          [B, B, END],
        ],
        caption: [C, B, END],
      },
    ];
    const { teacherForced, paired } = await prefixLosses(parrot(), images, feed);
    const repeated = Math.log(2 * (VOCAB_SIZE - 1)) - Math.log(VOCAB_SIZE - 1);
    const other = Math.log(2 * (VOCAB_SIZE - 1));
    // Position 2 wants B twice: after A and B themselves, after the other's B and A, and twice after C.
    expect(means(teacherForced)).toEqual([
      expect.closeTo(Math.log(VOCAB_SIZE), 6),
      expect.closeTo((other + repeated) / 2, 6),
      expect.closeTo(other, 6),
    ]);
    expect(means(paired.teacherForced)).toEqual(means(teacherForced));
    expect(means(paired.otherReference)[1]).toBeCloseTo((repeated + other) / 2, 6);
    expect(means(paired.ownCaption)[1]).toBeCloseTo(other, 6);
    for (const losses of Object.values(paired)) expect(means(losses)[0]).toBeCloseTo(Math.log(VOCAB_SIZE), 6);
  });

  it("compare beginnings only where all of them are long enough, and only where there is another reference", async () => {
    const images = [
      {
        imageId: "0",
        references: [
          [A, A, A, A, END],
          [B, END],
        ],
        caption: [C, C, END],
      },
      { imageId: "1", references: [[A, B, END]], caption: [B] },
    ];
    const { teacherForced, paired } = await prefixLosses(parrot(), images, feed);
    const counts = (losses: PositionLosses) => losses.map(({ tokenCount }) => tokenCount);
    expect(counts(teacherForced)).toEqual([3, 3, 2, 1, 1]);
    for (const losses of Object.values(paired)) expect(counts(losses)).toEqual([2, 2]);
  });

  it("give the same sums whatever the batch size, and leave no state open", async () => {
    const images = Array.from({ length: 5 }, (_, i) => ({
      imageId: String(i),
      references: [[A, B, END], Array.from({ length: i + 1 }, () => C).concat(END)],
      caption: [B, END],
    }));
    const decoder = parrot();
    const together = await prefixLosses(decoder, images, feed, { batchSize: 5 });
    expect(await prefixLosses(decoder, images, feed, { batchSize: 2 })).toEqual(together);
    expect(decoder.openStates).toBe(0);
  });

  it("add up to the teacher-forced loss of a real decoder", async () => {
    const { dataset, features, recipe } = toyTraining();
    const vocabulary = Vocabulary.build(
      dataset.images.flatMap(({ captions }) => captions),
      recipe.data,
    );
    const spec = {
      ...recipe.decoder,
      attention: undefined,
      dropout: NO_DROPOUT,
      vocabSize: vocabulary.size,
      featureSize: features.featureSize,
    };
    const { backend } = await openBackend("tfjs", tfjsCandidates());
    const decoder = await backend.createDecoder(spec, initializeParameters(spec, { seed: 3 }));
    try {
      const examples = collectExamples(dataset, "dev", { features, vocabulary, maxWords: 60 });
      const toyFeed = { source: features, grid: false, standardization: undefined };
      const whole = await splitLoss(decoder, planEvaluation(examples, recipe), toyFeed);
      const captions = await captionSplit(imagesOf(dataset, "dev"), {
        models: [{ decoder }],
        features,
        vocabulary,
        generation: recipe.decoding,
      });
      const images = toPrefixImages(captions, vocabulary);
      const { teacherForced } = await prefixLosses(decoder, images, toyFeed);
      const sum = (key: "lossSum" | "tokenCount") => teacherForced.reduce((total, losses) => total + losses[key], 0);
      expect(sum("tokenCount")).toBe(whole.tokenCount);
      expect(sum("lossSum") / whole.lossSum).toBeCloseTo(1, 5);
    } finally {
      decoder.dispose();
      await backend.dispose();
    }
  });

  it("stop when they are told to", async () => {
    const images = [{ imageId: "0", references: [[A, END]], caption: [A, END] }];
    const signal = AbortSignal.abort();
    await expect(prefixLosses(parrot(), images, feed, { signal })).rejects.toThrow("stopped");
  });
});
