import type { Recipe } from "./recipe-schema.js";

/** What a schedule remembers between epochs; saved with each checkpoint. */
export interface LearningRateState {
  /** Factor that plateaus have brought the rate down by. */
  readonly scale: number;
  readonly best: number | null;
  /** Epochs without improvement, as Keras counts them. */
  readonly wait: number;
  readonly cooldown: number;
}

export const INITIAL_LEARNING_RATE_STATE: LearningRateState = { scale: 1, best: null, wait: 0, cooldown: 0 };

/**
 * The learning rate of one update: linear warm-up from rate / warmupSteps, then constant, half a cosine down to finalLearningRate at the last step
 * (Loshchilov & Hutter 2017, §3, without restarts), or the plateau's present rate.
 * @param step updates made before this one
 * @param totalSteps of the whole training
 */
export function learningRateAt(recipe: Recipe, state: LearningRateState, step: number, totalSteps: number): number {
  const { schedule } = recipe;
  const base = recipe.optimizer.learningRate;
  if (step < schedule.warmupSteps) return (base * state.scale * (step + 1)) / schedule.warmupSteps;
  if (schedule.kind !== "cosine") return base * state.scale;
  const progress = Math.min(1, (step - schedule.warmupSteps) / Math.max(1, totalSteps - schedule.warmupSteps));
  return schedule.finalLearningRate + (base - schedule.finalLearningRate) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/**
 * The state after an epoch with this dev loss. Plateau as Keras 2.0.4's ReduceLROnPlateau: an epoch without an improvement of more than minDelta is
 * compared with patience before it is counted, so the first reduction comes at the (patience + 1)-th such epoch, and each later one after `patience` more.
 */
export function afterEpoch(recipe: Recipe, state: LearningRateState, devLoss: number): LearningRateState {
  const { schedule } = recipe;
  if (schedule.kind !== "plateau") return state;
  let { scale, best, wait, cooldown } = state;
  if (cooldown > 0) {
    cooldown -= 1;
    wait = 0;
  }
  if (best === null || devLoss < best - schedule.minDelta) {
    return { scale, best: devLoss, wait: 0, cooldown };
  }
  if (cooldown === 0) {
    const base = recipe.optimizer.learningRate;
    const floor = schedule.minLearningRate;
    if (wait >= schedule.patience && base * scale > floor * (1 + 1e-4)) {
      scale = Math.max(base * scale * schedule.factor, floor) / base;
      cooldown = schedule.cooldown;
      wait = 0;
    }
    wait += 1;
  }
  return { scale, best, wait, cooldown };
}
