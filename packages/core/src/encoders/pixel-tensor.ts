import type { EncoderSpec } from "./encoder-spec.js";

/**
 * Squares of RGB bytes in the form the graph takes.
 * @param images each `[size, size, 3]`
 * @returns `[N, size, size, 3]` or `[N, 3, size, size]`, by the spec's layout; in memory of its own
 */
export function pixelTensor(
  images: readonly Uint8Array[],
  input: EncoderSpec["input"],
): { data: Uint8Array | Float32Array; shape: number[] } {
  const { size } = input;
  const imageLength = size * size * 3;
  const shape = input.layout === "NHWC" ? [images.length, size, size, 3] : [images.length, 3, size, size];
  const data =
    input.dtype === "uint8"
      ? new Uint8Array(images.length * imageLength)
      : new Float32Array(images.length * imageLength);
  const { scale = 1, mean = [0, 0, 0], std = [1, 1, 1] } = input;
  const asIs = input.dtype === "uint8" && input.layout === "NHWC" && input.channels === "RGB";
  images.forEach((pixels, image) => {
    if (asIs) {
      data.set(pixels, image * imageLength);
      return;
    }
    for (let channel = 0; channel < 3; channel++) {
      const from = input.channels === "RGB" ? channel : 2 - channel;
      const to = image * imageLength + (input.layout === "NHWC" ? channel : channel * size * size);
      const stride = input.layout === "NHWC" ? 3 : 1;
      const factor = scale / std[channel]!;
      const shift = mean[channel]! / std[channel]!;
      for (let cell = 0; cell < size * size; cell++) {
        data[to + cell * stride] = pixels[cell * 3 + from]! * factor - shift;
      }
    }
  });
  return { data, shape };
}
