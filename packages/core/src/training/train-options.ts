import type { Checkpoint, CheckpointEncoder } from "../checkpoint/checkpoint.js";
import type { Dataset, DatasetImage } from "../data/dataset.js";
import type { Backend, Precision } from "../decoder/backend.js";
import { type FeatureSource, VIEWS, type View } from "../features/feature-source.js";
import type { EpochMetrics } from "./metrics-log.js";
import type { Recipe } from "./recipe-schema.js";
import type { StopReason } from "./stopping.js";

export interface CaptionPair {
  readonly id: string;
  readonly candidate: string;
  readonly references: readonly string[];
}

/** Scores generated captions: metric name → value, higher is better. The CLI passes packages/eval in. */
export type ScoreCaptions = (pairs: CaptionPair[]) => Promise<Record<string, number>>;

/** A caption drawn while training. */
export interface SampledCaption {
  readonly imageId: string;
  readonly text: string;
  /** Whether the decoder ended it, rather than `decoding.maxLength`. */
  readonly ended: boolean;
}

/** One reward a caption, higher is better. Called at every update. */
export type RewardCaptions = (captions: readonly SampledCaption[]) => ArrayLike<number>;

/** What the automatic choice of metric takes where captions can be scored. */
export const DEFAULT_CAPTION_METRIC = "CIDEr-D";

export interface TrainingProgress {
  readonly stage: "training" | "dev-loss" | "decoding";
  /** 1-based. */
  readonly epoch: number;
  readonly epochs: number;
  /** Within the epoch: updates, or while decoding, captions. */
  readonly step: number;
  readonly steps: number;
  /** Of the epoch so far, in this process. */
  readonly captionsPerSecond: number;
  /** Training loss of the epoch so far, in nats. */
  readonly lossPerToken: number;
  /** Of the whole training; undefined until there is something to go by. */
  readonly secondsLeft: number | undefined;
  /** Of the selection metric; null before the first epoch. */
  readonly bestScore: number | null;
  readonly metric: string;
  readonly learningRate: number;
  readonly backend: string;
  /** Of the epoch's sampled captions; absent without `selfCritical`. */
  readonly meanReward?: number;
}

export interface TrainOptions {
  readonly recipe: Recipe;
  readonly dataset: Dataset;
  readonly features: FeatureSource;
  readonly encoder: CheckpointEncoder;
  readonly backend: Backend;
  readonly runDirectory: string;
  /** Go on with the run in runDirectory. */
  readonly resume?: boolean;
  readonly precision?: Precision;
  /**
   * Begins with this checkpoint's vocabulary, feature statistics and weights in place of new ones. Its decoder must be the recipe's but for dropout. A run
   * that is resumed has them already.
   */
  readonly startFrom?: Checkpoint;
  /** Models whose expectations the decoder learns, together; needed by `distillation`, and the same ones again to resume. Their words and encoder are the run's. */
  readonly teachers?: readonly Checkpoint[];
  /** Prepares rewards of captions of the training images; needed by `selfCritical` and `consensusWeighting`. The CLI passes packages/eval in. */
  readonly prepareRewards?: (images: readonly DatasetImage[]) => RewardCaptions;
  readonly scoreCaptions?: ScoreCaptions;
  /** How `scoreCaptions` computes its scores, stored beside them. */
  readonly scoreSignature?: string;
  /** Aborted: the step under way is finished, a checkpoint written, and the result says `interrupted`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Awaited before the epoch's checkpoint is written: who keeps epochs misses none, and is told of one again that a kill took back. */
  readonly onEpoch?: (metrics: EpochMetrics) => void | Promise<void>;
  /** One line each about images and captions that are left out. */
  readonly onNotice?: (text: string) => void;
}

export interface TrainingResult {
  readonly interrupted: boolean;
  /** Undefined iff interrupted. */
  readonly stoppedBy: StopReason | undefined;
  /** Finished epochs. */
  readonly epochs: number;
  /** Updates made. */
  readonly steps: number;
  /** The best epoch by `metric`; undefined before the first. */
  readonly best: { readonly epoch: number; readonly value: number } | undefined;
  readonly metric: string;
  readonly lastCheckpoint: string;
  /** Of the best epoch; there iff `best` is. */
  readonly bestCheckpoint: string;
}

/** What must be encoded before a recipe can be trained, with these teachers. */
export function requiredFeatures(
  recipe: Recipe,
  teachers: readonly Pick<Checkpoint, "decoder">[] = [],
): { outputs: ("pooled" | "grid")[]; views: View[] } {
  const attends = [recipe, ...teachers].some(({ decoder }) => decoder.attention);
  return {
    outputs: attends ? ["pooled", "grid"] : ["pooled"],
    // Dev is scored on the plain view, whatever is trained on.
    views: VIEWS.filter((view) => view === "plain" || recipe.features.views.includes(view)),
  };
}
