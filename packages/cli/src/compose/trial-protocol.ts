import type { EncoderOutput, EpochMetrics, Recipe, TrainingProgress, View } from "@showtell/core";
import type { BackendChoice } from "../options/model-options.js";

/** What a worker needs once, before its first trial. */
export interface WorkerSetup {
  readonly dataPath: string;
  readonly imagesPath: string | undefined;
  readonly storePath: string;
  readonly encoderSpecPath: string;
  /** Checkpoint that every trial begins with. */
  readonly startFrom: string | undefined;
  readonly outputs: readonly EncoderOutput[];
  readonly views: readonly View[];
  readonly backend: BackendChoice;
}

/** From `showtell tune` to the process that trains its trials. A worker trains one at a time. */
export type ToWorker =
  | { readonly kind: "open"; readonly setup: WorkerSetup }
  | { readonly kind: "train"; readonly recipe: Recipe; readonly runDirectory: string }
  /** Answers `epoch`. */
  | { readonly kind: "verdict"; readonly goOn: boolean }
  | { readonly kind: "stop" };

export type TrialProgress = Pick<TrainingProgress, "stage" | "epoch" | "epochs" | "step" | "steps">;

export type FromWorker =
  | { readonly kind: "progress"; readonly progress: TrialProgress }
  /** The training waits for the verdict. */
  | { readonly kind: "epoch"; readonly metrics: EpochMetrics }
  /** interrupted: by `stop`, or by a verdict. */
  | { readonly kind: "over"; readonly interrupted: boolean }
  /** The recipe cannot be trained. */
  | { readonly kind: "failed"; readonly error: string }
  /** Nothing can be trained: the user's mistake, to be passed on. */
  | { readonly kind: "refused"; readonly message: string; readonly hint: string | undefined };
