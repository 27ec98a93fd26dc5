import type { Random } from "../random.js";

/** How narrow a bump may get, as a share of the range: with few points, no narrower than 1 / (points + 1). */
const NARROWEST_BUMPS = 100;

interface Bump {
  readonly center: number;
  readonly width: number;
  /** Share of the normal curve that lies within the bounds. */
  readonly inside: number;
}

/**
 * The adaptive Parzen estimator of Bergstra et al. (2011, section 4.2): an even mixture of normal curves cut off at the bounds, one on each point, as wide as
 * the farther of its two neighbours is away, and a prior in the middle, as wide as the range.
 */
export class ParzenEstimator {
  private readonly lower: number;
  private readonly upper: number;
  private readonly bumps: readonly Bump[];

  constructor(points: readonly number[], bounds: { readonly lower: number; readonly upper: number }) {
    this.lower = bounds.lower;
    this.upper = bounds.upper;
    const range = this.upper - this.lower;
    const narrowest = range / Math.min(NARROWEST_BUMPS, points.length + 1);
    const middle = (this.lower + this.upper) / 2;
    const centers = [...points, middle].sort((a, b) => a - b);
    const prior = centers.indexOf(middle);
    this.bumps = centers.map((center, i) => {
      const left = i > 0 ? center - centers[i - 1]! : 0;
      const right = i < centers.length - 1 ? centers[i + 1]! - center : 0;
      const width = i === prior ? range : Math.min(Math.max(left, right, narrowest), range);
      return { center, width, inside: normalMass(center, width, this.lower, this.upper) };
    });
  }

  sample(random: Random): number {
    const { center, width } = this.bumps[random.integer(this.bumps.length)]!;
    for (;;) {
      const x = center + width * random.normal();
      if (x >= this.lower && x <= this.upper) return x;
    }
  }

  logDensity(x: number): number {
    return this.logMean(({ center, width, inside }) => {
      const z = (x - center) / width;
      return Math.exp(-0.5 * z * z) / (width * Math.sqrt(2 * Math.PI) * inside);
    });
  }

  /** Logarithm of the probability between two points. */
  logMass(from: number, to: number): number {
    return this.logMean(({ center, width, inside }) => normalMass(center, width, from, to) / inside);
  }

  private logMean(heightOf: (bump: Bump) => number): number {
    const sum = this.bumps.reduce((total, bump) => total + heightOf(bump), 0);
    return Math.log(Math.max(sum / this.bumps.length, Number.MIN_VALUE));
  }
}

function normalMass(center: number, width: number, from: number, to: number): number {
  return (
    (errorFunction((to - center) / (width * Math.SQRT2)) - errorFunction((from - center) / (width * Math.SQRT2))) / 2
  );
}

/** erf, to 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26). */
function errorFunction(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
    Math.exp(-x * x);
  return Math.sign(x) * (1 - tail);
}
