import type { TrainingBatch } from "../decoder/backend.js";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { Random } from "../random.js";
import { layOutCaptions } from "./assemble-batch.js";
import type { PlannedBatch } from "./plan-batches.js";
import { prepareRewards } from "./prepare-rewards.js";
import type { PreparedTraining } from "./prepare-training.js";
import type { Recipe } from "./recipe-schema.js";
import { sampleCaptions } from "./sample-captions.js";
import type { RewardCaptions, TrainOptions } from "./train-options.js";

const SAMPLE_STREAM = 0x73616d70;

/** Sums over sampled captions. */
export interface RewardSums {
  readonly reward: number;
  readonly sampledWords: number;
  readonly samples: number;
}

export const NO_REWARDS: RewardSums = { reward: 0, sampledWords: 0, samples: 0 };

/**
 * Self-critical sequence training (Rennie et al. 2017): captions drawn from the model itself take the place of the photos' own, and each token's
 * cross-entropy is weighted by how much better the caption's reward is than a baseline: the greedy caption's reward, or the mean of the photo's other
 * samples (Luo 2020). Weights below zero push a caption away.
 */
export class SelfCritical {
  private constructor(
    private readonly options: NonNullable<Recipe["selfCritical"]>,
    private readonly recipe: Recipe,
    private readonly prepared: PreparedTraining,
    private readonly reward: RewardCaptions,
  ) {}

  /** Undefined where the recipe does not ask for it. @throws RecipeError where nothing gives rewards */
  static of(options: TrainOptions, recipe: Recipe, prepared: PreparedTraining): SelfCritical | undefined {
    if (!recipe.selfCritical) return undefined;
    return new SelfCritical(recipe.selfCritical, recipe, prepared, prepareRewards(options, "selfCritical"));
  }

  /**
   * Draws captions of a batch's photos with the weights of this moment.
   * @param batch the photos with their own captions; its dropout seed also decides the draws
   */
  async draw(planned: PlannedBatch, batch: TrainingBatch): Promise<{ batch: TrainingBatch; rewards: RewardSums }> {
    const { samples, baseline, temperature, crossEntropy } = this.options;
    const drawn = await sampleCaptions(this.prepared.decoder, batch.features, {
      samples,
      greedy: baseline === "greedy",
      temperature,
      maxLength: this.recipe.decoding.maxLength,
      random: new Random(batch.dropoutSeed, SAMPLE_STREAM),
    });
    const rewards = this.rewardsOf(drawn, planned);
    const own = crossEntropy > 0 ? planned.captions : [];
    const captions = [...drawn.flatMap((ofImage) => ofImage.slice(0, samples)), ...own];
    const imageOfRow = [
      ...drawn.flatMap((_, image) => Array<number>(samples).fill(image)),
      ...(crossEntropy > 0 ? planned.imageOfRow : []),
    ];
    const advantages = rewards.flatMap((ofImage) => advantagesOf(ofImage, samples));
    const layout = layOutCaptions(captions, [
      ...advantages,
      ...own.map((_, i) => crossEntropy * (planned.weights?.[i] ?? 1)),
    ]);
    const sampled = drawn.flatMap((ofImage) => ofImage.slice(0, samples));
    return {
      batch: { ...batch, ...layout, imageOfRow: Int32Array.from(imageOfRow) },
      rewards: {
        reward: sum(rewards.flatMap((ofImage) => ofImage.slice(0, samples))),
        sampledWords: sum(sampled.map(wordCount)),
        samples: sampled.length,
      },
    };
  }

  /** `[images][captions drawn]` */
  private rewardsOf(drawn: readonly (readonly number[][])[], planned: PlannedBatch): number[][] {
    const { vocabulary } = this.prepared;
    const values = this.reward(
      drawn.flatMap((captions, image) =>
        captions.map((tokenIds) => ({
          imageId: planned.requests[image]!.imageId,
          text: vocabulary.decode(tokenIds),
          ended: tokenIds.at(-1) === END_TOKEN_ID,
        })),
      ),
    );
    const usualLengths = meanLengths(planned);
    let next = 0;
    return drawn.map((captions, image) =>
      captions.map((tokenIds) => {
        const missing = Math.max(0, usualLengths[image]! - wordCount(tokenIds));
        return values[next++]! - this.options.shortnessPenalty * missing;
      }),
    );
  }
}

/** Reward less baseline of each sample; a further reward is the greedy caption's. */
function advantagesOf(rewards: readonly number[], samples: number): number[] {
  const greedy = rewards[samples];
  const total = sum(rewards.slice(0, samples));
  return rewards.slice(0, samples).map((reward) => reward - (greedy ?? (total - reward) / (samples - 1)));
}

/** Words of each photo's own captions, on average. */
function meanLengths({ requests, imageOfRow, captions }: PlannedBatch): number[] {
  const words = requests.map(() => [] as number[]);
  captions.forEach((caption, row) => {
    words[imageOfRow[row]!]!.push(wordCount(caption));
  });
  return words.map((lengths) => sum(lengths) / lengths.length);
}

function wordCount(tokenIds: readonly number[]): number {
  return tokenIds.at(-1) === END_TOKEN_ID ? tokenIds.length - 1 : tokenIds.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
