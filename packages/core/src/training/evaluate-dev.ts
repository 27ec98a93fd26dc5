import type { NamedTensors } from "../tensor.js";
import type { FeatureFeed } from "./assemble-batch.js";
import { captionSplit } from "./decode-split.js";
import { planEvaluation } from "./plan-batches.js";
import type { PreparedTraining } from "./prepare-training.js";
import { secondsSince } from "./progress-meter.js";
import type { Recipe } from "./recipe-schema.js";
import { splitLoss } from "./split-loss.js";
import type { TrainingProgress, TrainOptions } from "./train-options.js";
import { requireSplit } from "./training-examples.js";

export interface DevResult {
  /** Nats. */
  readonly lossPerToken: number;
  /** Of generated captions, where something scores them. */
  readonly scores: Readonly<Record<string, number>> | undefined;
  readonly seconds: { readonly devLoss: number; readonly decode: number; readonly score: number };
}

/** The dev split after an epoch: loss, and scores of generated captions where the caller can score. */
export async function evaluateDev(
  options: TrainOptions,
  recipe: Recipe,
  prepared: PreparedTraining,
  context: {
    /** Evaluated in place of the decoder's own. */
    weights: NamedTensors | undefined;
    feed: FeatureFeed;
    onProgress: (stage: TrainingProgress["stage"], done: number, total: number) => void;
  },
): Promise<DevResult> {
  const { backend, dataset, features, signal, precision, scoreCaptions } = options;
  const { weights, feed } = context;
  // A second decoder rather than weights swapped in and out: the one that trains is never touched.
  const decoder = weights
    ? await backend.createDecoder(prepared.decoder.spec, weights, precision && { precision })
    : prepared.decoder;
  try {
    const lossStart = performance.now();
    context.onProgress("dev-loss", 0, prepared.dev.captionCount);
    const { lossSum, tokenCount } = await splitLoss(decoder, planEvaluation(prepared.dev, recipe), feed, signal);
    const devLoss = secondsSince(lossStart);
    const lossPerToken = lossSum / tokenCount;
    if (!scoreCaptions) return { lossPerToken, scores: undefined, seconds: { devLoss, decode: 0, score: 0 } };
    const decodeStart = performance.now();
    const captions = await captionSplit(
      requireSplit(dataset, "dev").filter((image) => features.has(image.id)),
      {
        models: [{ decoder, standardization: prepared.standardization }],
        features,
        vocabulary: prepared.vocabulary,
        generation: recipe.decoding,
        signal,
        onProgress: (done, total) => context.onProgress("decoding", done, total),
      },
    );
    const decode = secondsSince(decodeStart);
    const scoreStart = performance.now();
    const pairs = captions
      .filter(({ image }) => image.captions.length > 0)
      .map(({ image, caption }) => ({ id: image.id, candidate: caption, references: image.captions }));
    const scores = await scoreCaptions(pairs);
    return { lossPerToken, scores, seconds: { devLoss, decode, score: secondsSince(scoreStart) } };
  } finally {
    if (weights) decoder.dispose();
  }
}
