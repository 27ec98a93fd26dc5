import * as tf from "@tensorflow/tfjs-core";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, type DecoderSpec, LAYER_NORM_EPSILON } from "../decoder-spec.js";
import type { DeviceParameters } from "./device-parameters.js";
import { differentiable } from "./differentiable.js";

/** Receives the new running statistics of a training step; the tensors are the receiver's to dispose. */
export type RunningStatistics = Map<string, tf.Tensor>;

/**
 * Normalises x `[rows, size]` as the spec says; without normalization, x itself.
 * @param running present in training: batch statistics are used and the moved running ones are put there.
 */
export function normalise(
  x: tf.Tensor2D,
  prefix: string,
  spec: DecoderSpec,
  parameters: DeviceParameters,
  running?: RunningStatistics,
): tf.Tensor2D {
  if (spec.normalization === "none") return x;
  const gamma = parameters.vector(`${prefix}.gamma`);
  const beta = parameters.vector(`${prefix}.beta`);
  if (spec.normalization === "layer") return standardise(x, gamma, beta, -1, LAYER_NORM_EPSILON);

  const runningMean = parameters.vector(`${prefix}.runningMean`);
  const runningVariance = parameters.vector(`${prefix}.runningVariance`);
  if (running) {
    return standardise(x, gamma, beta, 0, BATCH_NORM_EPSILON, (mean, variance) => {
      running.set(`${prefix}.runningMean`, move(runningMean, mean));
      running.set(`${prefix}.runningVariance`, move(runningVariance, variance));
    });
  }
  const scale = tf.mul(gamma, tf.rsqrt(tf.add(runningVariance, BATCH_NORM_EPSILON)));
  return tf.add(tf.mul(tf.sub(x, runningMean), scale), beta);
}

/** x̂ γ + β, where x̂ has mean 0 and (but for ε) variance 1 over `axis`. */
function standardise(
  x: tf.Tensor2D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  axis: 0 | -1,
  epsilon: number,
  observe?: (mean: tf.Tensor, variance: tf.Tensor) => void,
): tf.Tensor2D {
  return differentiable(
    [x, gamma, beta],
    () => {
      const { mean, variance } = tf.moments(x, axis, true);
      observe?.(mean, variance);
      const inverseDeviation = tf.rsqrt(tf.add(variance, epsilon)) as tf.Tensor2D;
      const standardised: tf.Tensor2D = tf.mul(tf.sub(x, mean), inverseDeviation);
      const value: tf.Tensor2D = tf.add(tf.mul(standardised, gamma), beta);
      return { value, saved: [standardised, inverseDeviation, gamma] as const };
    },
    // Ioffe & Szegedy 2015, §3, the three terms of ∂ℓ/∂x gathered into one product.
    (gradient, [standardised, inverseDeviation, gamma]) => {
      const scaled = tf.mul(gradient, gamma);
      const alongMean = tf.mean(scaled, axis, true);
      const alongVariance = tf.mul(standardised, tf.mean(tf.mul(scaled, standardised), axis, true));
      return [
        tf.mul(inverseDeviation, tf.sub(scaled, tf.add(alongMean, alongVariance))),
        tf.sum(tf.mul(gradient, standardised), 0),
        tf.sum(gradient, 0),
      ];
    },
  );
}

function move(average: tf.Tensor1D, value: tf.Tensor): tf.Tensor {
  const moved = tf.add(
    tf.mul(average, BATCH_NORM_MOMENTUM),
    tf.mul(tf.reshape(value, average.shape), 1 - BATCH_NORM_MOMENTUM),
  );
  return tf.keep(moved);
}
