import { type FeatureStandardization, standardizePooled } from "../checkpoint/feature-standardization.js";
import type { Dataset, DatasetImage, Split } from "../data/dataset.js";
import type { BackendDecoder, LossSum } from "../decoder/backend.js";
import { AbortedError, DatasetError, expected } from "../errors.js";
import type { FeatureSource, View } from "../features/feature-source.js";
import { generate } from "../generation/generate.js";
import type { GenerationOptions } from "../generation/generation-options.js";
import type { Generated } from "../generation/search-options.js";
import type { Vocabulary } from "../text/vocabulary.js";
import { makeAhead } from "./assemble-batch.js";
import { planEvaluation } from "./plan-batches.js";
import { BATCHES_AHEAD, splitLoss } from "./split-loss.js";
import { collectExamples, requireSplit } from "./training-examples.js";

/** A decoder with what its features need. */
export interface SplitModel {
  readonly decoder: BackendDecoder;
  readonly standardization?: FeatureStandardization | undefined;
}

/** The caption of one image beside the truth. */
export interface SplitCaption {
  readonly image: DatasetImage;
  readonly caption: string;
  readonly generated: Generated;
}

export interface CaptionSplitOptions {
  /** Several form an ensemble; all with the vocabulary below. */
  readonly models: readonly SplitModel[];
  readonly features: FeatureSource;
  readonly vocabulary: Vocabulary;
  readonly generation: GenerationOptions;
  /** For what `generation` leaves out: a checkpoint's. */
  readonly defaults?: GenerationOptions | undefined;
  /** Several vote: the mean of their word probabilities. Plain by default. */
  readonly views?: readonly View[];
  /** Attach the attention of each word; needs a first model with attention. Slower: a backend's own search does not keep it. */
  readonly attention?: boolean | undefined;
  /** Images at once; default 32. Changes memory and speed, never the captions. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Captions images from stored features, in order.
 * @throws AbortedError
 */
export async function captionSplit(
  images: readonly DatasetImage[],
  options: CaptionSplitOptions,
): Promise<SplitCaption[]> {
  const { models, vocabulary, views = ["plain"], batchSize = 32, signal } = options;
  const grid = models.some(({ decoder }) => decoder.spec.attention !== undefined);
  const members = models.flatMap((model) => views.map((view) => ({ ...model, view })));
  const batches = Array.from({ length: Math.ceil(images.length / batchSize) }, (_, i) =>
    images.slice(i * batchSize, (i + 1) * batchSize),
  );
  const read = async (batch: readonly DatasetImage[]) => {
    const byView = await Promise.all(
      views.map((view) =>
        options.features.read(
          batch.map(({ id }) => ({ imageId: id, view })),
          { grid },
        ),
      ),
    );
    const features = members.map(({ decoder, standardization, view }) => {
      const { pooled, grid: cells } = byView[views.indexOf(view)]!;
      return {
        pooled: standardizePooled(pooled, standardization),
        ...(decoder.spec.attention && cells && { grid: cells }),
      };
    });
    return { batch, features };
  };
  const captions: SplitCaption[] = [];
  for await (const { batch, features } of makeAhead(batches, BATCHES_AHEAD, read)) {
    if (signal?.aborted) throw new AbortedError("Captioning was stopped.");
    const imageNumbers = batch.map((_, i) => captions.length + i);
    const decoders = members.map(({ decoder }) => decoder);
    const { generation, defaults } = options;
    const context = { defaults, signal, attention: options.attention, imageNumbers, tokenCounts: vocabulary.counts };
    const generated = await generate(decoders, features, generation, context);
    generated.forEach((result, i) => {
      captions.push({
        image: batch[i]!,
        caption: vocabulary.decode(result.captions[0]?.tokenIds ?? []),
        generated: result,
      });
    });
    options.onProgress?.(captions.length, images.length);
  }
  return captions;
}

export interface DecodedSplit {
  /** In dataset order; images without features are missing. */
  readonly captions: readonly SplitCaption[];
  /** Teacher-forced on the plain view; of a single model only: an ensemble has no such loss. */
  readonly loss?: LossSum;
  /** Nats. */
  readonly lossPerToken?: number;
  /** Ids of images that were never encoded, or could not be. */
  readonly withoutFeatures: readonly string[];
}

/**
 * Captions and loss of a dataset's split: what training does with dev and `evaluate` with any split.
 * @throws DatasetError for an empty split or one without features; AbortedError
 */
export async function decodeSplit(dataset: Dataset, split: Split, options: CaptionSplitOptions): Promise<DecodedSplit> {
  const all = requireSplit(dataset, split);
  const images = all.filter(({ id }) => options.features.has(id));
  if (images.length === 0) {
    throw new DatasetError(expected(`${split} images with features`, `dataset ${dataset.name}`, "none"), {
      hint: "Encode the dataset's photos first: `showtell encode`.",
    });
  }
  const captions = await captionSplit(images, options);
  const withoutFeatures = all.filter(({ id }) => !options.features.has(id)).map(({ id }) => id);
  const [model] = options.models;
  if (!model || options.models.length > 1) return { captions, withoutFeatures };
  const { features, vocabulary, batchSize = 32, signal } = options;
  const examples = collectExamples(dataset, split, { features, vocabulary, maxWords: Number.POSITIVE_INFINITY });
  const batches = planEvaluation(examples, { batching: { by: "photos", photosPerBatch: batchSize } });
  const feed = {
    source: features,
    grid: model.decoder.spec.attention !== undefined,
    standardization: model.standardization,
  };
  const loss = await splitLoss(model.decoder, batches, feed, signal);
  return { captions, withoutFeatures, loss, lossPerToken: loss.lossSum / loss.tokenCount };
}
