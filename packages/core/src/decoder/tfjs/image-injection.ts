import type * as tf from "@tensorflow/tfjs-core";
import type { DecoderSpec } from "../decoder-spec.js";
import type { DeviceParameters } from "./device-parameters.js";
import { linear, takeColumns, tanh } from "./differentiable.js";

/** `first-input`: normalised images `[images, featureSize]` as LSTM inputs `[images, embeddingSize]`. */
export function projectImages(images: tf.Tensor2D, parameters: DeviceParameters): tf.Tensor2D {
  return linear(images, parameters.matrix("image.weight"), parameters.vector("image.bias"));
}

/** `initial-state`: h₀ and c₀ of each layer, `[rows, hiddenSize]`, from normalised images `[rows, featureSize]`. */
export function initialStates(
  images: tf.Tensor2D,
  spec: DecoderSpec,
  parameters: DeviceParameters,
): { hidden: tf.Tensor2D; cell: tf.Tensor2D }[] {
  const project = (part: "hidden" | "cell"): tf.Tensor2D => {
    const weight = parameters.matrix(`image.${part}.weight`);
    return tanh(linear(images, weight, parameters.vector(`image.${part}.bias`)));
  };
  const [hidden, cell] = [project("hidden"), project("cell")];
  const ofLayer = (x: tf.Tensor2D, layer: number) => takeColumns(x, layer * spec.hiddenSize, spec.hiddenSize);
  return Array.from({ length: spec.layerCount }, (_, layer) => ({
    hidden: ofLayer(hidden, layer),
    cell: ofLayer(cell, layer),
  }));
}
