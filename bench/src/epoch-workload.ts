/** The batches of one epoch of a real dataset as a workload that contenders read: planned as training plans them, features from the store. */
import { collectExamples, layOutCaptions, type PlannedBatch, planEpoch, Random, Vocabulary } from "@showtell/core";
import type { Arrays } from "./array-file.js";
import type { RealDataset } from "./real-dataset.js";
import { addParameters, REFERENCE, saveWorkload, type TrainCase } from "./workload.js";

/** Recipes' default. */
export const BUCKET_BATCHES = 50;
const MAX_WORDS = 60;

export interface Epoch {
  readonly trainCase: TrainCase;
  /** Of the whole epoch. */
  readonly captions: number;
  readonly batches: number;
  /** Those to be timed, in random order. */
  readonly timed: readonly PlannedBatch[];
}

/** @param fraction share of the batches to be timed, 0 … 1 */
export function planRealEpoch({ dataset, store }: RealDataset, batchSize: number, fraction: number): Epoch {
  const features = store.source(dataset);
  const captions = dataset.images.filter(({ split }) => split === "train").flatMap((image) => image.captions);
  const vocabulary = Vocabulary.build(captions);
  const examples = collectExamples(dataset, "train", { features, vocabulary, maxWords: MAX_WORDS });
  const random = new Random(1);
  const planned = planEpoch(
    examples,
    {
      batching: { by: "captions", batchSize, bucketBatches: BUCKET_BATCHES },
      features: { views: ["plain"], standardize: true },
    },
    random,
  );
  const timed = random.shuffle(drawEvenly(planned, fraction));
  const spec = { ...REFERENCE, vocabSize: vocabulary.size, featureSize: features.featureSize };
  const name = `reference recipe, batch ${batchSize}`;
  return {
    trainCase: { name, spec, batchSize, captionsPerImage: 1, batches: timed.length },
    captions: examples.captionCount,
    batches: planned.length,
    timed,
  };
}

/** The same share of the batches at every length, so that their mean is that of all. */
export function drawEvenly(batches: readonly PlannedBatch[], fraction: number): PlannedBatch[] {
  const sorted = batches.toSorted((a, b) => tokensOf(a) - tokensOf(b));
  const count = Math.max(1, Math.round(sorted.length * fraction));
  return Array.from({ length: count }, (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / count)]!);
}

function tokensOf({ captions }: PlannedBatch): number {
  return captions.reduce((total, caption) => total + caption.length, 0);
}

export async function writeEpochWorkload(directory: string, { dataset, store }: RealDataset, epoch: Epoch) {
  const source = store.source(dataset);
  const { trainCase, timed } = epoch;
  const arrays: Arrays = new Map();
  addParameters(arrays, `${trainCase.name}/parameters`, trainCase.spec);
  for (const [index, { requests, imageOfRow, captions }] of timed.entries()) {
    const prefix = `${trainCase.name}/batch ${index}`;
    const { batchSize, timeSteps, tokenIds, lengths } = layOutCaptions(captions);
    const { pooled } = await source.read(requests, { grid: false });
    arrays.set(`${prefix}/tokenIds`, { shape: [batchSize, timeSteps], data: tokenIds });
    arrays.set(`${prefix}/lengths`, { shape: [batchSize], data: lengths });
    arrays.set(`${prefix}/imageOfRow`, { shape: [batchSize], data: Int32Array.from(imageOfRow) });
    arrays.set(`${prefix}/pooled`, { shape: pooled.shape, data: pooled.data });
  }
  await saveWorkload(directory, { decode: [], train: [trainCase] }, arrays);
}
