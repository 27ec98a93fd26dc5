/** The matrix products one training step cannot do without: the roofline a training step is measured against. */
import type { DecoderSpec } from "@showtell/core";

/** C `[m, n]` += A `[m, k]` · B `[k, n]`, `count` times. */
export interface GemmShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly count: number;
}

/**
 * Forward and backward products over the real tokens alone (no padding), input gates of all steps in one product.
 * @param lengths of the captions of the batch, `<end>` counted
 */
export function trainingGemms(spec: DecoderSpec, images: number, cells: number, lengths: Int32Array): GemmShape[] {
  const shapes: GemmShape[] = [];
  const tokens = lengths.reduce((total, length) => total + length, 0);
  // Forward, gradient of the input, gradient of the weights.
  const linear = (rows: number, inputs: number, outputs: number, needsInputGradient = true) => {
    shapes.push({ m: rows, n: outputs, k: inputs, count: 1 }, { m: inputs, n: outputs, k: rows, count: 1 });
    if (needsInputGradient) shapes.push({ m: rows, n: inputs, k: outputs, count: 1 });
  };
  const { embeddingSize, hiddenSize, featureSize, layerCount, vocabSize, attention } = spec;
  linear(images, featureSize, embeddingSize, spec.normalization !== "none");
  for (let layer = 0; layer < layerCount; layer++) {
    linear(tokens, layer === 0 ? embeddingSize : hiddenSize, 4 * hiddenSize);
    for (const rows of activeRows(lengths).slice(1)) {
      shapes.push({ m: rows, n: 4 * hiddenSize, k: hiddenSize, count: 1 });
      shapes.push({ m: rows, n: hiddenSize, k: 4 * hiddenSize, count: 1 });
    }
    shapes.push({ m: hiddenSize, n: 4 * hiddenSize, k: tokens - lengths.length, count: 1 });
  }
  if (attention !== undefined) {
    const { size, heads, gridFeatureSize } = attention;
    linear(images * cells, gridFeatureSize, size, false);
    linear(images * cells, size, size);
    linear(tokens, hiddenSize, size);
    linear(tokens, hiddenSize + size, hiddenSize);
    // Scores and context, each with two gradients, per photo and head.
    const rows = Math.round(tokens / images);
    shapes.push({ m: rows, n: cells, k: size / heads, count: 3 * images * heads });
    shapes.push({ m: rows, n: size / heads, k: cells, count: 3 * images * heads });
  }
  linear(tokens, hiddenSize, vocabSize);
  return shapes;
}

/** How many captions are still running at each step. */
function activeRows(lengths: Int32Array): number[] {
  return Array.from({ length: Math.max(...lengths) }, (_, t) => lengths.filter((length) => length > t).length);
}

export function floatingPointOperations(shapes: readonly GemmShape[]): number {
  return shapes.reduce((total, { m, n, k, count }) => total + 2 * m * n * k * count, 0);
}
