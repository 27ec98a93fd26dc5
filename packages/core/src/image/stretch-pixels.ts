import { enlargePixels, type ResizeFilter } from "./enlarge-pixels.js";

/**
 * Stretches pixels to a square. Only `nearest` can shrink as well.
 * @param pixels `[height, width, 3]`
 * @returns `[size, size, 3]`
 */
export function stretchPixels(
  pixels: Uint8Array,
  sides: readonly [height: number, width: number],
  size: number,
  filter: ResizeFilter | "nearest",
): Uint8Array {
  return filter === "nearest" ? pickNearest(pixels, sides, size) : enlargePixels(pixels, sides, [size, size], filter);
}

/** `[height, width, 3]` → `[size, size, 3]` */
function pickNearest(pixels: Uint8Array, [height, width]: readonly [number, number], size: number): Uint8Array {
  const picked = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    const row = Math.floor(((y + 0.5) * height) / size) * width;
    for (let x = 0; x < size; x++) {
      const from = (row + Math.floor(((x + 0.5) * width) / size)) * 3;
      picked.set(pixels.subarray(from, from + 3), (y * size + x) * 3);
    }
  }
  return picked;
}
