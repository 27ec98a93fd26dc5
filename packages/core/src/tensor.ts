import { expected, ShapeError } from "./errors.js";

/** A dense float32 array in row-major order, on the host. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The same in float16 (IEEE 754 binary16), as its bits: half the memory and traffic of what is read from a store and widened where it is computed with. */
export interface Float16Tensor {
  readonly shape: readonly number[];
  readonly data: Uint16Array;
}

/** Parameters, gradients, moments: name → tensor. Names and shapes come from `parameterShapes`. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Pairs data with its shape.
 * @throws ShapeError when the length does not match.
 */
export function tensor(shape: readonly number[], data: Float32Array, name = "tensor"): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(expected(`${sizeOf(shape)} values of shape [${shape}]`, name, data.length));
  }
  return { shape, data };
}
