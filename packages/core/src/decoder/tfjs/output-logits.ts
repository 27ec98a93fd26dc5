import type * as tf from "@tensorflow/tfjs-core";
import type { DecoderSpec } from "../decoder-spec.js";
import type { DeviceParameters } from "./device-parameters.js";
import { linear, linearTransposed } from "./differentiable.js";

/** @param output o_t, `[rows, hiddenSize]`; @returns logits `[rows, vocabSize]` */
export function outputLogits(output: tf.Tensor2D, spec: DecoderSpec, parameters: DeviceParameters): tf.Tensor2D {
  const bias = parameters.vector("output.bias");
  if (!spec.tiedWeights) return linear(output, parameters.matrix("output.weight"), bias);
  const projected =
    spec.hiddenSize === spec.embeddingSize ? output : linear(output, parameters.matrix("output.projection.weight"));
  return linearTransposed(projected, parameters.matrix("embedding.weight"), bias);
}
