/**
 * Dropout masks that every backend draws alike: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 *
 * The value at (site, layer, step, row, column) is kept iff word ≥ rate · 2³², where
 * word = philox(key = [seed low, seed high], counter = [⌊column / 4⌋, row, step, site · 256 + layer])[column mod 4]; a kept value is scaled by
 * 1 / (1 − rate), computed in float32. The threshold is ⌊rate · 2³²⌋ in double arithmetic.
 */
export const DROPOUT_SITES = {
  image: 1,
  embedding: 2,
  input: 3,
  recurrent: 4,
  attentionValue: 5,
  attentionOutput: 6,
  output: 7,
} as const;

export type DropoutSite = keyof typeof DROPOUT_SITES;

/**
 * Where a mask lies. `step` is the time step, 0 for masks drawn once a sequence; for attentionValue it is the cell and the row is the index of
 * the image. Everywhere else the row is the index of the caption in the batch.
 */
export interface DropoutPosition {
  readonly seed: number;
  readonly site: DropoutSite;
  readonly layer: number;
  readonly step: number;
}

/**
 * Writes the scaled mask `[rows, columns]` (0 or 1 / (1 − rate)) for one step into `target`, starting at `offset`.
 * `seed` is a non-negative safe integer; its low and high 32 bits are the Philox key.
 */
export function writeDropoutMask(
  target: Float32Array,
  offset: number,
  rows: number,
  columns: number,
  rate: number,
  position: DropoutPosition,
): void {
  const scale = Math.fround(1 / (1 - rate));
  const threshold = Math.floor(rate * 2 ** 32);
  const keyLow = position.seed >>> 0;
  const keyHigh = Math.floor(position.seed / 2 ** 32) >>> 0;
  const stream = DROPOUT_SITES[position.site] * 256 + position.layer;
  const words = new Uint32Array(4);
  for (let row = 0; row < rows; row++) {
    const base = offset + row * columns;
    for (let column = 0; column < columns; column += 4) {
      philox4x32(words, column >>> 2, row, position.step, stream, keyLow, keyHigh);
      const end = Math.min(4, columns - column);
      for (let lane = 0; lane < end; lane++) {
        target[base + column + lane] = words[lane]! >= threshold ? scale : 0;
      }
    }
  }
}

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** Ten rounds of Philox4x32; writes four unsigned words to `out`. */
export function philox4x32(
  out: Uint32Array,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
): void {
  let [c0, c1, c2, c3] = [counter0 | 0, counter1 | 0, counter2 | 0, counter3 | 0];
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** High 32 bits of the 64-bit product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(carry / 65_536)) | 0;
}
