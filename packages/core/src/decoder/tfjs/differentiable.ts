/**
 * The decoder's operations with their gradients. TensorFlow.js registers its own gradients only in bundles Node cannot load one by one; stating the
 * few that are needed also lets each be computed in the cheapest way.
 */
import * as tf from "@tensorflow/tfjs-core";

/**
 * A value with its gradient.
 * @param forward the value, and the tensors `backward` wants to see again
 * @param backward from the gradient of the value to those of the inputs, in their order
 */
export function differentiable<T extends tf.Tensor, S extends readonly tf.Tensor[]>(
  inputs: readonly tf.Tensor[],
  forward: () => { readonly value: T; readonly saved: S },
  backward: (gradient: T, saved: S) => tf.Tensor[],
): T {
  const operation = tf.customGrad<T>((...inputsAndSave) => {
    const save = inputsAndSave[inputs.length] as tf.GradSaveFunc;
    const { value, saved } = forward();
    save([...saved]);
    return { value, gradFunc: (gradient, restored) => backward(gradient, restored as unknown as S) };
  });
  return operation(...inputs);
}

/** `x · weight + bias`; x `[rows, in]`. */
export function linear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor1D): tf.Tensor2D {
  return differentiable(
    bias ? [x, weight, bias] : [x, weight],
    () => {
      const product = tf.matMul<tf.Tensor2D>(x, weight);
      return { value: bias ? tf.add<tf.Tensor2D>(product, bias) : product, saved: [x, weight] as const };
    },
    (gradient, [x, weight]) => {
      const gradients: tf.Tensor[] = [tf.matMul(gradient, weight, false, true), tf.matMul(x, gradient, true)];
      return bias ? [...gradients, tf.sum(gradient, 0)] : gradients;
    },
  );
}

/** `x · weight + bias` where x is data: the product for its gradient is spared. */
export function linearOfData(x: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor2D {
  return differentiable(
    [weight, bias],
    () => ({ value: tf.add(tf.matMul(x, weight), bias) as tf.Tensor2D, saved: [x] as const }),
    (gradient, [x]) => [tf.matMul(x, gradient, true), tf.sum(gradient, 0)],
  );
}

/** `x · weightᵀ + bias`; weight `[out, in]`. */
export function linearTransposed(x: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor2D {
  return differentiable(
    [x, weight, bias],
    () => ({ value: tf.add(tf.matMul(x, weight, false, true), bias) as tf.Tensor2D, saved: [x, weight] as const }),
    (gradient, [x, weight]) => [tf.matMul(gradient, weight), tf.matMul(gradient, x, true), tf.sum(gradient, 0)],
  );
}

/** Rows of x by index; a row may be taken many times. */
export function takeRows(x: tf.Tensor2D, rows: Int32Array): tf.Tensor2D {
  return differentiable(
    [x],
    () => {
      const indices = tf.tensor1d(rows, "int32");
      return { value: tf.gather(x, indices) as tf.Tensor2D, saved: [indices] as const };
    },
    (gradient, [indices]) => [tf.unsortedSegmentSum(gradient, indices, x.shape[0])],
  );
}

/** x ⊙ mask, the mask a constant of the same shape. */
export function applyMask<T extends tf.Tensor>(x: T, mask: T): T {
  return differentiable(
    [x],
    () => ({ value: tf.mul(x, mask) as T, saved: [mask] as const }),
    (gradient, [mask]) => [tf.mul(gradient, mask)],
  );
}

/** The rows of a, then those of b. */
export function stackRows(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return concatenate(a, b, 0);
}

/** Each row of a followed by that of b. */
export function joinColumns(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return concatenate(a, b, 1);
}

function concatenate(a: tf.Tensor2D, b: tf.Tensor2D, axis: 0 | 1): tf.Tensor2D {
  const sizes = [a.shape[axis], b.shape[axis]];
  return differentiable(
    [a, b],
    () => ({ value: tf.concat([a, b], axis) as tf.Tensor2D, saved: [] }),
    (gradient) => tf.split(gradient, sizes, axis),
  );
}

/** Columns [from, from + size) of x. */
export function takeColumns(x: tf.Tensor2D, from: number, size: number): tf.Tensor2D {
  const [rows, columns] = x.shape;
  return differentiable(
    [x],
    () => ({ value: tf.slice(x, [0, from], [rows, size]), saved: [] }),
    (gradient) => [
      tf.pad(gradient, [
        [0, 0],
        [from, columns - from - size],
      ]),
    ],
  );
}

export function tanh(x: tf.Tensor2D): tf.Tensor2D {
  return differentiable(
    [x],
    () => {
      const value = tf.tanh(x);
      return { value, saved: [value] as const };
    },
    (gradient, [value]) => [tf.mul(gradient, tf.sub(1, tf.square(value)))],
  );
}

export function relu(x: tf.Tensor2D): tf.Tensor2D {
  return differentiable(
    [x],
    () => {
      const value = tf.relu(x);
      return { value, saved: [value] as const };
    },
    (gradient, [value]) => [tf.mul(gradient, tf.step(value))],
  );
}
