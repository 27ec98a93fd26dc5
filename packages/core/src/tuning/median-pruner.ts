export const PRUNERS = ["median", "none"] as const;

export interface PrunerSettings {
  readonly name: (typeof PRUNERS)[number];
  /** No trial is pruned before so many have run to their end. */
  readonly warmupTrials: number;
  /** No trial is pruned after fewer epochs. */
  readonly warmupEpochs: number;
}

/**
 * The median stopping rule (Golovin et al. 2017, Google Vizier, section 3.2.2): a trial is stopped after an epoch if its best value so far is worse than
 * the median, over the trials that ran to their end, of the mean of their values up to that epoch.
 * @param scores of the trial, one an epoch; higher is better
 * @param finished the same of trials that ran to their end
 */
export function shouldPrune(
  scores: readonly number[],
  finished: readonly (readonly number[])[],
  { name, warmupTrials, warmupEpochs }: PrunerSettings,
): boolean {
  if (name === "none" || scores.length < Math.max(1, warmupEpochs)) return false;
  if (finished.length < Math.max(1, warmupTrials)) return false;
  const means = finished.map((others) => mean(others.slice(0, scores.length)));
  return Math.max(...scores) < median(means);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
