import type { Recipe } from "./recipe-schema.js";

/** Why a training ended. */
export type StopReason = "epochs" | "early-stopping" | "exploding-loss" | "time-limit";

export interface StoppingState {
  readonly early: { readonly best: number | null; readonly wait: number };
  readonly explode: { readonly first: number | null; readonly best: number | null; readonly wait: number };
}

export const INITIAL_STOPPING_STATE: StoppingState = {
  early: { best: null, wait: 0 },
  explode: { first: null, best: null, wait: 0 },
};

/** Loss is better when lower; every caption metric when higher. */
export function isBetter(metric: string, value: number, best: number | null, minDelta = 0): boolean {
  if (best === null) return true;
  return metric === "loss" ? value < best - minDelta : value > best + minDelta;
}

/** Looks at a finished epoch. Early stopping comes after `patience` epochs in a row without improvement. */
export function checkStopping(
  recipe: Recipe,
  state: StoppingState,
  epoch: { devLoss: number; earlyMetricValue: number },
): { state: StoppingState; stop: StopReason | undefined } {
  const early = recipe.earlyStopping
    ? nextEarly(recipe.earlyStopping, state.early, epoch.earlyMetricValue)
    : state.early;
  const explode = recipe.explodeStop
    ? nextExplode(recipe.explodeStop.ratio, state.explode, epoch.devLoss)
    : state.explode;
  let stop: StopReason | undefined;
  if (recipe.earlyStopping && early.wait >= recipe.earlyStopping.patience) stop = "early-stopping";
  if (recipe.explodeStop && explode.wait > recipe.explodeStop.patience) stop = "exploding-loss";
  return { state: { early, explode }, stop };
}

function nextEarly(
  { metric, minDelta }: NonNullable<Recipe["earlyStopping"]>,
  state: StoppingState["early"],
  value: number,
): StoppingState["early"] {
  return isBetter(metric, value, state.best, minDelta)
    ? { best: value, wait: 0 }
    : { best: state.best, wait: state.wait + 1 };
}

/**
 * The reference system's rule: an epoch is exploding while its dev loss lies above best + ratio · (first − best); also while no epoch has yet been better
 * than the first, which then is that bound. More than `patience` such epochs in a row end the training.
 */
function nextExplode(ratio: number, state: StoppingState["explode"], devLoss: number): StoppingState["explode"] {
  if (state.first === null || state.best === null) return { first: devLoss, best: devLoss, wait: 0 };
  const best = Math.min(state.best, devLoss);
  const neverBetter = best >= state.first;
  const exploding = neverBetter || devLoss > best + ratio * (state.first - best);
  return { first: state.first, best, wait: exploding ? state.wait + 1 : 0 };
}
