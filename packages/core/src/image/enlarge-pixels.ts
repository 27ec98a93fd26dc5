/**
 * Enlarging by separable convolution, pixel centres at half integers, weights renormalised at the borders, in 8-bit steps (width first, then height):
 * to the bit what Pillow's `resize` gives. libvips is not used for it because its enlarging interpolators start at the corner of the picture, which
 * moves everything by up to half a pixel and changes features by 15 %; its shrinking convolves the same way as here.
 */

export type ResizeFilter = "cubic" | "linear" | "lanczos3";

const FILTERS: Record<ResizeFilter, { readonly support: number; weight(distance: number): number }> = {
  // Catmull & Rom 1974: Keys' cubic with a = −1/2.
  cubic: {
    support: 2,
    weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
  linear: { support: 1, weight: (x) => Math.max(0, 1 - x) },
  lanczos3: { support: 3, weight: (x) => (x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

const FRACTION_BITS = 22;

interface Taps {
  /** First source pixel of each target pixel. `[target]` */
  readonly first: Int32Array;
  /** Fixed-point. `[target, count]` */
  readonly weights: Int32Array;
  readonly count: number;
}

/**
 * @param pixels `[height, width, 3]`, neither side longer than its target nor shorter than 8
 * @returns `[targetHeight, targetWidth, 3]`
 */
export function enlargePixels(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [targetHeight, targetWidth]: readonly [number, number],
  filter: ResizeFilter,
): Uint8Array {
  const wide = width === targetWidth ? pixels : widen(pixels, height, width, taps(width, targetWidth, filter));
  return height === targetHeight ? wide : heighten(wide, targetWidth * 3, taps(height, targetHeight, filter));
}

/** Tap counts are multiples of it, filled up with weights of 0; no side is shorter than two of them (MIN_IMAGE_SIDE). */
const TAPS_AT_ONCE = 4;
const HALF = 1 << (FRACTION_BITS - 1);

/** `[height, width, 3]` → `[height, target, 3]` */
function widen(source: Uint8Array, height: number, width: number, { first, weights, count }: Taps): Uint8Array {
  const target = new Uint8ClampedArray(height * first.length * 3);
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < first.length; column++) {
      let from = (row * width + first[column]!) * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = column * count; tap < (column + 1) * count; tap++) {
        const weight = weights[tap]!;
        red += Math.imul(source[from++]!, weight);
        green += Math.imul(source[from++]!, weight);
        blue += Math.imul(source[from++]!, weight);
      }
      target[to++] = red >> FRACTION_BITS;
      target[to++] = green >> FRACTION_BITS;
      target[to++] = blue >> FRACTION_BITS;
    }
  }
  return new Uint8Array(target.buffer);
}

/** `[height, rowLength]` → `[target, rowLength]`, row by row: neighbours in memory stay neighbours. */
function heighten(source: Uint8Array, rowLength: number, { first, weights, count }: Taps): Uint8Array {
  const target = new Uint8ClampedArray(first.length * rowLength);
  const sums = new Int32Array(rowLength);
  for (let row = 0; row < first.length; row++) {
    sums.fill(HALF);
    // Four source rows at a time: one pass over the sums for each row would take twice as long.
    for (let tap = 0; tap < count; tap += TAPS_AT_ONCE) {
      const [w0, w1, w2, w3] = weights.subarray(row * count + tap) as unknown as [number, number, number, number];
      const from = (first[row]! + tap) * rowLength;
      for (let offset = 0; offset < rowLength; offset++) {
        const pixel = from + offset;
        sums[offset]! +=
          Math.imul(source[pixel]!, w0) +
          Math.imul(source[pixel + rowLength]!, w1) +
          Math.imul(source[pixel + 2 * rowLength]!, w2) +
          Math.imul(source[pixel + 3 * rowLength]!, w3);
      }
    }
    const to = row * rowLength;
    for (let offset = 0; offset < rowLength; offset++) target[to + offset] = sums[offset]! >> FRACTION_BITS;
  }
  return new Uint8Array(target.buffer);
}

/** Photos of one source mostly have one size. An entry is 4 kB, and no side is longer than the encoder's. */
const knownTaps = new Map<string, Taps>();

function taps(length: number, target: number, filter: ResizeFilter): Taps {
  const key = `${length} ${target} ${filter}`;
  const known = knownTaps.get(key) ?? computeTaps(length, target, filter);
  knownTaps.set(key, known);
  return known;
}

function computeTaps(length: number, target: number, filter: ResizeFilter): Taps {
  const { support, weight } = FILTERS[filter];
  const scale = length / target;
  const count = Math.ceil((2 * support) / TAPS_AT_ONCE) * TAPS_AT_ONCE;
  const first = new Int32Array(target);
  const weights = new Int32Array(target * count);
  for (let index = 0; index < target; index++) {
    const centre = (index + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(length, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: end - begin }, (_, tap) => weight(Math.abs(begin + tap - centre + 0.5)));
    const sum = exact.reduce((total, value) => total + value, 0);
    // At the borders fewer pixels count; the others keep weight 0.
    first[index] = Math.min(begin, length - count);
    exact.forEach((value, tap) => {
      const scaled = (value / sum) * (1 << FRACTION_BITS);
      weights[index * count + begin - first[index]! + tap] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
  }
  return { first, weights, count };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
