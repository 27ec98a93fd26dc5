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
  /** Fixed-point weights, `width` for each target pixel. */
  readonly weights: Int32Array;
  readonly width: number;
}

/**
 * @param pixels `[height, width, 3]`, neither side longer than its target
 * @returns `[targetHeight, targetWidth, 3]`
 */
export function enlargePixels(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [targetHeight, targetWidth]: readonly [number, number],
  filter: ResizeFilter,
): Uint8Array {
  const wide =
    width === targetWidth
      ? pixels
      : stretch(pixels, taps(width, targetWidth, filter), { lines: height, lineStep: width * 3, step: 3, run: 1 });
  if (height === targetHeight) return wide;
  // Along columns a "pixel" is a whole row: its values are neighbours in memory.
  const run = targetWidth;
  return stretch(wide, taps(height, targetHeight, filter), { lines: 1, lineStep: wide.length, step: run * 3, run });
}

/** Convolves each of `lines` lines; a line is a sequence of elements of `run` pixels. */
function stretch(
  source: Uint8Array,
  { first, weights, width }: Taps,
  { lines, lineStep, step, run }: { lines: number; lineStep: number; step: number; run: number },
): Uint8Array {
  const targetLength = first.length;
  const target = new Uint8ClampedArray(lines * targetLength * run * 3);
  let to = 0;
  for (let line = 0; line < lines; line++) {
    for (let index = 0; index < targetLength; index++) {
      const from = line * lineStep + first[index]! * step;
      for (let offset = 0; offset < run * 3; offset++) {
        let sum = 1 << (FRACTION_BITS - 1);
        for (let tap = 0; tap < width; tap++) {
          const weight = weights[index * width + tap]!;
          if (weight !== 0) sum += source[from + tap * step + offset]! * weight;
        }
        target[to++] = sum >> FRACTION_BITS;
      }
    }
  }
  return new Uint8Array(target.buffer);
}

function taps(length: number, target: number, filter: ResizeFilter): Taps {
  const { support, weight } = FILTERS[filter];
  const scale = length / target;
  const width = support * 2 + 1;
  const first = new Int32Array(target);
  const weights = new Int32Array(target * width);
  for (let index = 0; index < target; index++) {
    const centre = (index + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(length, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: end - begin }, (_, tap) => weight(Math.abs(begin + tap - centre + 0.5)));
    const sum = exact.reduce((total, value) => total + value, 0);
    first[index] = begin;
    exact.forEach((value, tap) => {
      const scaled = (value / sum) * (1 << FRACTION_BITS);
      weights[index * width + tap] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
  }
  return { first, weights, width };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
