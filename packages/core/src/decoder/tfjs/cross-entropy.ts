import * as tf from "@tensorflow/tfjs-core";
import { differentiable } from "./differentiable.js";

/**
 * Cross-entropy of each row against (1 − ε) one-hot + ε / vocabSize, without ever building the one-hot rows.
 * @param logits `[rows, vocabSize]`
 * @param targetIds `[rows]`
 * @returns `[rows]`, in nats
 */
export function crossEntropy(logits: tf.Tensor2D, targetIds: Int32Array, labelSmoothing: number): tf.Tensor1D {
  const [rows, vocabSize] = logits.shape;
  const rowAndTarget = new Int32Array(rows * 2);
  for (let row = 0; row < rows; row++) rowAndTarget.set([row, targetIds[row]!], row * 2);

  return differentiable(
    [logits],
    () => {
      const cells = tf.tensor2d(rowAndTarget, [rows, 2], "int32");
      const shifted: tf.Tensor2D = tf.sub(logits, tf.max(logits, 1, true));
      const exponentials = tf.exp(shifted);
      const sums = tf.sum(exponentials, 1) as tf.Tensor1D;
      const targets = tf.mul(tf.gatherND(shifted, cells), 1 - labelSmoothing);
      const uniform = labelSmoothing === 0 ? tf.scalar(0) : tf.mul(tf.mean(shifted, 1), labelSmoothing);
      const value: tf.Tensor1D = tf.sub(tf.log(sums), tf.add(targets, uniform));
      return { value, saved: [exponentials, sums, cells] as const };
    },
    (gradient, [exponentials, sums, cells]) => {
      const probabilities = tf.mul(exponentials, tf.expandDims(tf.div(gradient, sums), 1));
      const atTargets = tf.scatterND(cells, tf.mul(gradient, 1 - labelSmoothing), [rows, vocabSize]);
      const difference = tf.sub(probabilities, atTargets);
      if (labelSmoothing === 0) return [difference];
      return [tf.sub(difference, tf.expandDims(tf.mul(gradient, labelSmoothing / vocabSize), 1))];
    },
  );
}
