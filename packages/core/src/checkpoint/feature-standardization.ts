import { expected, ShapeError } from "../errors.js";
import type { Tensor } from "../tensor.js";

/** Per dimension of the pooled features, over the training photos. */
export interface FeatureStandardization {
  /** `[featureSize]` */
  readonly mean: Float32Array;
  /** `[featureSize]`, every value > 0 */
  readonly deviation: Float32Array;
}

/**
 * (features − mean) / deviation for pooled features `[images, featureSize]`; the features themselves where there is nothing to standardise with.
 * @throws ShapeError
 */
export function standardizePooled(pooled: Tensor, standardization: FeatureStandardization | undefined): Tensor {
  if (!standardization) return pooled;
  const { mean, deviation } = standardization;
  const size = mean.length;
  if (pooled.shape.length !== 2 || pooled.shape[1] !== size) {
    throw new ShapeError(expected(`shape [images, ${size}]`, "pooled features", pooled.shape));
  }
  const data = new Float32Array(pooled.data.length);
  for (let row = 0; row < data.length; row += size) {
    for (let i = 0; i < size; i++) data[row + i] = (pooled.data[row + i]! - mean[i]!) / deviation[i]!;
  }
  return { shape: pooled.shape, data };
}
