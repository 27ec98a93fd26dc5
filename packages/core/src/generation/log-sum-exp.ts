/**
 * log Σ exp(values[begin … end − 1]) in float64, to about 1e-14. A search spends most of its own time here, and Math.exp is several times slower than this
 * table: exp(d) = 2^−k · 2^(j / 1024) · exp(r), with r below 0.0007.
 * @returns NaN if a value is NaN or +∞, or if all are −∞
 */
export function logSumExp(values: Float32Array, begin: number, end: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let index = begin; index < end; index++) {
    if (values[index]! > largest) largest = values[index]!;
  }
  let sum = 0;
  for (let index = begin; index < end; index++) {
    const difference = values[index]! - largest;
    if (difference < NEGLIGIBLE) continue;
    const position = Math.floor(difference * POSITIONS_PER_NAT);
    const rest = difference - position / POSITIONS_PER_NAT;
    const power = POWERS[-(position >> FRACTION_BITS)]! * FRACTIONS[position & FRACTION_MASK]!;
    sum += power * (1 + rest * (1 + rest * (0.5 + rest / 6)));
  }
  return largest + Math.log(sum);
}

const FRACTION_BITS = 10;
const FRACTION_MASK = 2 ** FRACTION_BITS - 1;
const POSITIONS_PER_NAT = 2 ** FRACTION_BITS / Math.LN2;
/** 2^(j / 1024) */
const FRACTIONS = Float64Array.from({ length: 2 ** FRACTION_BITS }, (_, j) => 2 ** (j / 2 ** FRACTION_BITS));
/** exp(−43) is 2e-19: a million of them are below the rounding of the sum, which is at least 1. */
const NEGLIGIBLE = -43;
/** 2^−k, as far as NEGLIGIBLE needs them. */
const POWERS = Float64Array.from({ length: 64 }, (_, k) => 2 ** -k);
