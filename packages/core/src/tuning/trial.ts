import type { EpochMetrics } from "../training/metrics-log.js";
import type { Parameters } from "./dimension.js";

/** running: begun and not over, whether a process works on it or not. failed: its recipe cannot be trained. */
export type TrialState = "running" | "complete" | "pruned" | "failed";

export interface TrialEpoch {
  /** 1-based. */
  readonly epoch: number;
  /** Of the study's metric. */
  readonly value: number;
  readonly metrics: EpochMetrics;
}

/** One training of a study. */
export interface Trial {
  /** From 0, in the order of proposal. */
  readonly number: number;
  /** Its parameters and its pruning follow from the first so many trials alone, whatever else has finished by then. */
  readonly sees: number;
  /** Of its recipe, unless the space searches over seeds. */
  readonly seed: number;
  readonly parameters: Parameters;
  readonly state: TrialState;
  readonly epochs: readonly TrialEpoch[];
  /** Why it failed. */
  readonly error?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
}

/** Seconds of training, dev loss, decoding and scoring, over all processes that worked on it. */
export function trialSeconds({ epochs }: Trial): number {
  return epochs.reduce((sum, { metrics: { wallClock } }) => {
    const { train, devLoss, decode, score } = wallClock;
    return sum + train + devLoss + decode + score;
  }, 0);
}
