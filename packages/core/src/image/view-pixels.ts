import type { View } from "../features/feature-source.js";
import type { Resize } from "./preprocess-image.js";
import { stretchPixels } from "./stretch-pixels.js";

/** Side of what a closer view shows, as a share of the photo's. */
export const CLOSER_SIDE = 0.85;

/**
 * A photo in some of its views. The middle, which takes some 5 ms to enlarge, is enlarged once for both of its views.
 * @param pixels `[size, size, 3]`, as `preprocessImage` gives them
 * @returns `[size, size, 3]` each, in the order of `views`; `pixels` themselves for the plain view
 */
export function viewsOfPixels(
  pixels: Uint8Array,
  views: readonly View[],
  size: number,
  filter: Resize["filter"],
): Map<View, Uint8Array> {
  let closer: Uint8Array | undefined;
  const enlargedOnce = () => {
    closer ??= closerPixels(pixels, size, filter);
    return closer;
  };
  const pixelsOf: Record<View, () => Uint8Array> = {
    plain: () => pixels,
    mirrored: () => mirrorPixels(pixels, size),
    closer: enlargedOnce,
    "closer-mirrored": () => mirrorPixels(enlargedOnce(), size),
  };
  return new Map(views.map((view) => [view, pixelsOf[view]()]));
}

/** The middle of the square, enlarged with the filter that the encoder resizes with. `[size, size, 3]` → `[size, size, 3]` */
function closerPixels(pixels: Uint8Array, size: number, filter: Resize["filter"]): Uint8Array {
  // As much is cut off on the left as on the right: the mirrored view shows the same.
  const margin = Math.round((size * (1 - CLOSER_SIDE)) / 2);
  const side = size - 2 * margin;
  const middle = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const from = ((margin + row) * size + margin) * 3;
    middle.set(pixels.subarray(from, from + side * 3), row * side * 3);
  }
  return stretchPixels(middle, [side, side], size, filter);
}

/** The same square mirrored left to right. `[size, size, 3]` → `[size, size, 3]` */
function mirrorPixels(pixels: Uint8Array, size: number): Uint8Array {
  const mirrored = new Uint8Array(pixels.length);
  const stride = size * 3;
  for (let row = 0; row < pixels.length; row += stride) {
    for (let left = 0, right = stride - 3; left < stride; left += 3, right -= 3) {
      mirrored[row + right] = pixels[row + left]!;
      mirrored[row + right + 1] = pixels[row + left + 1]!;
      mirrored[row + right + 2] = pixels[row + left + 2]!;
    }
  }
  return mirrored;
}
