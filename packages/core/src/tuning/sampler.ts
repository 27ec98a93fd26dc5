import type { Json } from "../checkpoint/checkpoint.js";
import type { Random } from "../random.js";
import { choiceIndex, type Dimension, drawAtRandom, type Parameters, scaleOf } from "./dimension.js";
import { ParzenEstimator } from "./parzen-estimator.js";

export const SAMPLERS = ["tpe", "random"] as const;

export interface SamplerSettings {
  readonly name: (typeof SAMPLERS)[number];
  /** TPE: so many trials are drawn at random before it begins. */
  readonly startupTrials: number;
}

/** Share of the trials that count as good: γ of Bergstra et al. 2011. */
const GOOD_SHARE = 0.15;
const CANDIDATES = 24;

export type Dimensions = Readonly<Record<string, Dimension>>;

/**
 * Parameters for the next trial: a function of the settings, the finished trials and the random stream alone.
 * @param finished parameters of the finished trials, best first
 */
export function proposeParameters(
  dimensions: Dimensions,
  finished: readonly Parameters[],
  random: Random,
  settings: SamplerSettings,
): Parameters {
  const atRandom = settings.name === "random" || finished.length < Math.max(2, settings.startupTrials);
  const goodCount = Math.ceil(GOOD_SHARE * finished.length);
  const groups = { good: finished.slice(0, goodCount), bad: finished.slice(goodCount) };
  return Object.fromEntries(
    Object.entries(dimensions).map(([key, dimension]) => [
      key,
      atRandom ? drawAtRandom(dimension, random) : mostPromising(key, dimension, groups, random),
    ]),
  );
}

interface Groups {
  readonly good: readonly Parameters[];
  readonly bad: readonly Parameters[];
}

/**
 * The tree-structured Parzen estimator (Bergstra et al. 2011) on one dimension: of candidates drawn from the density l of good trials, the one where l is
 * highest against the density g of the others, which is where the expected improvement is highest.
 */
function mostPromising(key: string, dimension: Dimension, { good, bad }: Groups, random: Random): Json {
  if (dimension.kind === "choice") {
    const counts = (group: readonly Parameters[]) => {
      const found = new Array<number>(dimension.values.length).fill(1);
      for (const parameters of group) found[choiceIndex(dimension, parameters[key]!)]! += 1;
      return found.map((count) => count / (group.length + found.length));
    };
    const [l, g] = [counts(good), counts(bad)];
    const candidates = Array.from({ length: CANDIDATES }, () => drawIndex(l, random));
    return dimension.values[highest(candidates, (index) => l[index]! / g[index]!)]!;
  }
  const scale = scaleOf(dimension);
  const estimate = (group: readonly Parameters[]) =>
    new ParzenEstimator(
      group.map((parameters) => scale.toCoordinate(parameters[key] as number)),
      scale,
    );
  const [l, g] = [estimate(good), estimate(bad)];
  const candidates = Array.from({ length: CANDIDATES }, () => scale.toValue(l.sample(random)));
  return highest(candidates, (value) => {
    const cell = scale.cellOf(value);
    if (cell) return l.logMass(...cell) - g.logMass(...cell);
    const x = scale.toCoordinate(value);
    return l.logDensity(x) - g.logDensity(x);
  });
}

function drawIndex(probabilities: readonly number[], random: Random): number {
  let left = random.uniform();
  for (const [index, probability] of probabilities.entries()) {
    left -= probability;
    if (left < 0) return index;
  }
  return probabilities.length - 1;
}

/** The first of the candidates with the highest merit. */
function highest(candidates: readonly number[], merit: (candidate: number) => number): number {
  let best = candidates[0]!;
  let most = merit(best);
  for (const candidate of candidates.slice(1)) {
    const value = merit(candidate);
    if (value > most) [best, most] = [candidate, value];
  }
  return best;
}
