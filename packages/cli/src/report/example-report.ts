import { parseRecipe, recipeKeys } from "@showtell/core";
import type { ReportData, ReportedCaption, ReportedRun, ReportPictures } from "./report-data.js";

const METRICS = [
  { key: "METEOR (no paraphrases)", name: "METEOR (no paraphrases)" },
  { key: "CIDEr", name: "CIDEr-D" },
];

const byMetric = <T>(value: T) => Object.fromEntries(METRICS.map(({ key }) => [key, value]));

const CAPTIONS: readonly ReportedCaption[] = [
  ["a.jpg", "a dog runs", 1.5, 0.5],
  ["b.jpg", "two birds sit", 0, 0.25],
  ["c.jpg", "a man stands", 0.25, 0.75],
].map(([id, caption, score, confidence], i) => ({
  id: id as string,
  caption: caption as string,
  references: [`${caption} on the beach`, "something else"],
  scores: byMetric(score as number),
  confidence: confidence as number,
  words: [...(caption as string).split(" "), "<end>"].map((word) => ({
    word,
    probability: 0.5,
    attention: [0.1, 0.2, 0.3, 0.4],
  })),
  endedByMaxLength: false,
  nearest: { caption: `${caption} fast`, edits: i },
  others: [],
}));

const RUN: ReportedRun = {
  name: "first",
  path: "runs/first",
  model: {
    encoder: "tiny",
    embeddingSize: 8,
    hiddenSize: 8,
    layerCount: 1,
    attentionHeads: 2,
    vocabularySize: 20,
    parameterCount: 1_500_000,
    epoch: 2,
    decoding: { beam: 3 },
  },
  recipe: recipeKeys(parseRecipe("epochs: 3", "example")),
  epochs: [1, 2].map((epoch) => ({
    epoch,
    step: epoch * 10,
    learningRate: 0.001 / epoch,
    trainLossPerToken: 4 / epoch,
    gradientNorm: 1,
    devLossPerToken: 5 / epoch,
    devScores: { "CIDEr-D": 0.2 * epoch },
    best: epoch === 2,
    wallClock: {
      finishedAt: "2026-01-01T00:00:00.000Z",
      train: 1,
      captionsPerSecond: 2,
      devLoss: 3,
      decode: 4,
      score: 5,
    },
  })),
  plannedEpochs: 3,
  lossPerToken: 2.5,
  scores: byMetric(0.5),
  intervals: byMetric({ low: 0.4, high: 0.6 }),
  signatures: byMetric("CIDEr-D|refs:2|n:3"),
  statistics: {
    captions: 3,
    meanLength: 3,
    meanReferenceLength: 4,
    lengthDistribution: [0, 0, 0, 3],
    referenceLengthDistribution: [0, 0, 3, 0, 0, 3],
    distinctWords: 7,
    distinctCaptions: 1,
    distinct1: 0.8,
    distinct2: 0.9,
    selfRepetition: 0,
    novelty: 2 / 3,
  },
};

const LOSSES = [
  { lossSum: 6, tokenCount: 3 },
  { lossSum: 9, tokenCount: 3 },
];

/** A small report for tests: three photos, attention over four cells. */
export const EXAMPLE: ReportData = {
  formatVersion: 1,
  createdAt: "2026-01-02T03:04:05.000Z",
  versions: { showtell: "0.1.0", node: "20.17.0", backend: "tfjs (cpu)" },
  dataset: {
    name: "toy",
    format: "jsonl",
    sha256: "0123456789abcdef",
    split: "dev",
    images: 3,
    references: 6,
    trainImages: 9,
    trainCaptions: 18,
    withoutFeatures: [],
    withoutPhoto: [],
  },
  metrics: METRICS,
  people: byMetric(0.8),
  runs: [RUN],
  prefixLosses: {
    teacherForced: LOSSES,
    paired: { teacherForced: LOSSES, otherReference: LOSSES, ownCaption: LOSSES },
  },
  confidenceGroups: [
    { from: 0.2, to: 0.4, captions: 1, meanScore: 0.1 },
    { from: 0.5, to: 0.7, captions: 2, meanScore: 0.6 },
  ],
  words: {
    bands: [{ fromRank: 1, toRank: 100, inCaptions: 7, inReferences: 12 }],
    overused: [{ word: "stands", inCaptions: 0.5, inReferences: 0.1 }],
    neverSaid: [{ word: "beach", inCaptions: 0, inReferences: 0.5 }],
  },
  captions: CAPTIONS,
  shown: { sample: ["a.jpg"], best: ["a.jpg"], worst: ["b.jpg"], uncertain: ["b.jpg", "c.jpg"] },
};

/** With a second run that is better by one metric, surely, and not by the other. */
export const COMPARED: ReportData = {
  ...EXAMPLE,
  runs: [
    RUN,
    {
      ...RUN,
      name: "second",
      recipe: recipeKeys(parseRecipe("epochs: 4", "example")),
      againstFirst: {
        CIDEr: { difference: 0.05, interval: { low: 0.01, high: 0.09 }, pValue: 0.001 },
        "METEOR (no paraphrases)": { difference: -0.01, interval: { low: -0.03, high: 0.01 }, pValue: 0.4 },
      },
    },
  ],
  captions: CAPTIONS.map((caption) => ({ ...caption, others: [`${caption.caption} too`] })),
};

const PICTURE = { url: "data:image/webp;base64,AAAA", width: 40, height: 30 };

/** c.jpg has no photo. */
export const PICTURES: ReportPictures = {
  small: new Map([
    ["a.jpg", PICTURE],
    ["b.jpg", PICTURE],
  ]),
  large: new Map([
    ["a.jpg", PICTURE],
    ["b.jpg", PICTURE],
  ]),
  shades: new Map(CAPTIONS.map(({ id, words }) => [id, words.map((_, i) => `data:image/png;base64,SHADE${i}`)])),
  attendedRegion: "whole",
};
