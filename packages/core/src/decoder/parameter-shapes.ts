import type { DecoderSpec } from "./decoder-spec.js";

export interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
  /** Running statistics of batch normalization are parameters that no gradient moves. */
  readonly trainable: boolean;
}

/**
 * The only list of a decoder's parameters: names, shapes and order. Matrices are `[in, out]`; the four gates i, f, g, o stand side by side in the
 * last dimension of LSTM parameters; one bias per gate.
 */
export function parameterShapes(spec: DecoderSpec): readonly ParameterShape[] {
  const { vocabSize, featureSize, embeddingSize, hiddenSize, layerCount } = spec;
  const shapes: ParameterShape[] = [];
  const add = (name: string, ...shape: number[]) => shapes.push({ name, shape, trainable: true });
  const addNormalization = (prefix: string, size: number) => {
    if (spec.normalization === "none") return;
    add(`${prefix}.gamma`, size);
    add(`${prefix}.beta`, size);
    if (spec.normalization === "batch") {
      shapes.push({ name: `${prefix}.runningMean`, shape: [size], trainable: false });
      shapes.push({ name: `${prefix}.runningVariance`, shape: [size], trainable: false });
    }
  };

  addNormalization("image.normalization", featureSize);
  if (spec.imageInjection === "first-input") {
    add("image.weight", featureSize, embeddingSize);
    add("image.bias", embeddingSize);
  } else {
    // Layer l's slice is columns [l · hiddenSize, (l + 1) · hiddenSize).
    add("image.hidden.weight", featureSize, layerCount * hiddenSize);
    add("image.hidden.bias", layerCount * hiddenSize);
    add("image.cell.weight", featureSize, layerCount * hiddenSize);
    add("image.cell.bias", layerCount * hiddenSize);
  }
  add("embedding.weight", vocabSize, embeddingSize);
  for (let layer = 0; layer < layerCount; layer++) {
    const inputSize = layer === 0 ? embeddingSize : hiddenSize;
    addNormalization(`lstm.${layer}.normalization`, inputSize);
    add(`lstm.${layer}.inputWeight`, inputSize, 4 * hiddenSize);
    add(`lstm.${layer}.recurrentWeight`, hiddenSize, 4 * hiddenSize);
    add(`lstm.${layer}.bias`, 4 * hiddenSize);
  }
  if (spec.attention) {
    const { size, gridFeatureSize } = spec.attention;
    add("attention.value.weight", gridFeatureSize, size);
    add("attention.value.bias", size);
    add("attention.key.weight", size, size);
    add("attention.query.weight", hiddenSize, size);
    add("attention.output.weight", hiddenSize + size, hiddenSize);
    add("attention.output.bias", hiddenSize);
  }
  if (spec.tiedWeights) {
    if (hiddenSize !== embeddingSize) add("output.projection.weight", hiddenSize, embeddingSize);
  } else {
    add("output.weight", hiddenSize, vocabSize);
  }
  add("output.bias", vocabSize);
  return shapes;
}
