import * as tf from "@tensorflow/tfjs-core";
import type { AttentionSpec } from "../decoder-spec.js";
import type { DeviceParameters } from "./device-parameters.js";
import { differentiable, linear, linearOfData, relu, takeRows, tanh } from "./differentiable.js";

/** What is attended to; shared by all rows of an image. */
export interface ProjectedGrid {
  /** `[images · cells, size]` */
  readonly values: tf.Tensor2D;
  readonly keys: tf.Tensor2D;
  readonly images: number;
}

/** @param grid `[images, cells, gridFeatureSize]` */
export function projectGrid(
  grid: tf.Tensor3D,
  parameters: DeviceParameters,
  dropout: (values: tf.Tensor2D) => tf.Tensor2D = (values) => values,
): ProjectedGrid {
  const [images, cells, gridFeatureSize] = grid.shape;
  const cellRows = tf.reshape(grid, [images * cells, gridFeatureSize]) as tf.Tensor2D;
  const weight = parameters.matrix("attention.value.weight");
  const values = dropout(relu(linearOfData(cellRows, weight, parameters.vector("attention.value.bias"))));
  return { values, keys: linear(values, parameters.matrix("attention.key.weight")), images };
}

/** A projected grid cut into heads, in the layout the products want. */
export interface AttentionMemory {
  /** `[images, heads, cells, size / heads]` */
  readonly values: tf.Tensor4D;
  /** `[images, heads, size / heads, cells]` */
  readonly keys: tf.Tensor4D;
}

export function attentionMemory({ values, keys, images }: ProjectedGrid, heads: number): AttentionMemory {
  return {
    values: splitHeads(values, images, heads),
    keys: tf.transpose(splitHeads(keys, images, heads), [0, 1, 3, 2]),
  };
}

/** `[images · rows, size]` → `[images, heads, rows, size / heads]` */
function splitHeads(x: tf.Tensor2D, images: number, heads: number): tf.Tensor4D {
  const [rows, size] = x.shape;
  return tf.transpose(tf.reshape(x, [images, rows / images, heads, size / heads]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** The way back. */
function mergeHeads(x: tf.Tensor4D): tf.Tensor2D {
  const [images, heads, rows, headSize] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [images * rows, heads * headSize]);
}

/** Rows put side by side per image, so that attention is one batched product and an image's keys are never copied for its rows. */
export interface RowsByImage {
  /** Most rows of an image. */
  readonly slotCount: number;
  /** `[images · slotCount]`: row in each slot; 0 in the empty ones, whose results nobody takes. */
  readonly rowOfSlot: Int32Array;
  /** `[rows]` */
  readonly slotOfRow: Int32Array;
}

export function groupByImage(imageOfRow: Int32Array, images: number): RowsByImage {
  const taken = new Int32Array(images);
  for (const image of imageOfRow) taken[image]!++;
  const slotCount = taken.reduce((most, count) => Math.max(most, count), 0);
  const rowOfSlot = new Int32Array(images * slotCount);
  const slotOfRow = new Int32Array(imageOfRow.length);
  taken.fill(0);
  for (let row = 0; row < imageOfRow.length; row++) {
    const image = imageOfRow[row]!;
    const slot = image * slotCount + taken[image]!++;
    rowOfSlot[slot] = row;
    slotOfRow[row] = slot;
  }
  return { slotCount, rowOfSlot, slotOfRow };
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017, §3.2) of each row's hidden state over its image's cells.
 * @param hidden `[rows, hiddenSize]`
 * @returns the context of each row, `[rows, size]`
 */
export function attend(
  hidden: tf.Tensor2D,
  grid: ProjectedGrid,
  rows: RowsByImage,
  { heads }: AttentionSpec,
  parameters: DeviceParameters,
): tf.Tensor2D {
  const slots = takeRows(linear(hidden, parameters.matrix("attention.query.weight")), rows.rowOfSlot);
  const contexts = differentiable(
    [slots, grid.values, grid.keys],
    () => {
      const memory = attentionMemory(grid, heads);
      const queries = splitHeads(slots, grid.images, heads);
      const weights = attentionWeights(queries, memory);
      const value = mergeHeads(tf.matMul(weights, memory.values));
      return { value, saved: [queries, memory.values, memory.keys, weights] as const };
    },
    (gradient, [queries, values, keys, weights]) => {
      const context = splitHeads(gradient, grid.images, heads);
      const ofWeights: tf.Tensor4D = tf.matMul(context, values, false, true);
      const scale = 1 / Math.sqrt(values.shape[3]);
      const ofScores: tf.Tensor4D = tf.mul(
        tf.mul(weights, tf.sub(ofWeights, tf.sum(tf.mul(ofWeights, weights), -1, true))),
        scale,
      );
      return [
        mergeHeads(tf.matMul(ofScores, keys, false, true)),
        mergeHeads(tf.matMul(weights, context, true)),
        mergeHeads(tf.matMul(ofScores, queries, true)),
      ];
    },
  );
  return takeRows(contexts, rows.slotOfRow);
}

/** `[images, heads, slots, cells]` */
function attentionWeights(queries: tf.Tensor4D, { keys }: AttentionMemory): tf.Tensor4D {
  return tf.softmax(tf.mul(tf.matMul(queries, keys), 1 / Math.sqrt(queries.shape[3]))) as tf.Tensor4D;
}

/**
 * The same for generation, where the memory is kept from step to step.
 * @returns `context [rows, size]` and, averaged over heads and computed only when called, `weights [rows, cells]`
 */
export function attendMemory(
  hidden: tf.Tensor2D,
  memory: AttentionMemory,
  rows: RowsByImage,
  parameters: DeviceParameters,
): { readonly context: () => tf.Tensor2D; readonly weights: () => tf.Tensor2D } {
  const [images, heads, cells] = memory.values.shape;
  const slots = takeRows(tf.matMul(hidden, parameters.matrix("attention.query.weight")), rows.rowOfSlot);
  const weights = attentionWeights(splitHeads(slots, images, heads), memory);
  return {
    context: () => takeRows(mergeHeads(tf.matMul(weights, memory.values)), rows.slotOfRow),
    weights: () => takeRows(tf.reshape(tf.mean(weights, 1), [images * rows.slotCount, cells]), rows.slotOfRow),
  };
}

/** o = tanh([hidden; context] · W + b) */
export function attentionOutput(joined: tf.Tensor2D, parameters: DeviceParameters): tf.Tensor2D {
  return tanh(linear(joined, parameters.matrix("attention.output.weight"), parameters.vector("attention.output.bias")));
}
