import * as tf from "@tensorflow/tfjs-core";
import type { DecoderSpec } from "../decoder-spec.js";
import { type DropoutSite, writeDropoutMask } from "../dropout-mask.js";
import { applyMask } from "./differentiable.js";
import type { PackedBatch } from "./packed-batch.js";

/** Applies the contract's dropout masks to packed tensors. */
export class PackedDropout {
  private readonly rates: DecoderSpec["dropout"];
  private readonly batch: PackedBatch;
  private readonly seed: number;

  constructor(spec: DecoderSpec, batch: PackedBatch, seed: number) {
    this.rates = spec.dropout;
    this.batch = batch;
    this.seed = seed;
  }

  /** One mask a caption: x `[batch, columns]`. */
  captions(x: tf.Tensor2D, site: DropoutSite): tf.Tensor2D {
    const mask = this.captionMask(site, 0, x.shape[1]);
    return mask ? applyMask(x, mask) : x;
  }

  /** The mask `[batch, columns]` drawn once a sequence, rows in packed order; undefined where the rate is 0. */
  captionMask(site: DropoutSite, layer: number, columns: number): tf.Tensor2D | undefined {
    if (this.rates[site] === 0) return undefined;
    const mask = new Float32Array(this.batch.originalRow.length * columns);
    this.writeStep(mask, 0, this.batch.originalRow.length, columns, this.draw(site, layer, 0, columns));
    return tf.tensor2d(mask, [this.batch.originalRow.length, columns]);
  }

  /**
   * x `[positions from firstStep on, columns]`; a new mask each step, or the mask of step 0 throughout.
   */
  positions(
    x: tf.Tensor2D,
    site: DropoutSite,
    options: { layer?: number; firstStep?: number; mask?: "step" | "sequence" } = {},
  ): tf.Tensor2D {
    const { layer = 0, firstStep = 0, mask: kind = "step" } = options;
    if (this.rates[site] === 0) return x;
    const columns = x.shape[1];
    const mask = new Float32Array(x.size);
    const ofSequence = kind === "sequence" ? this.draw(site, layer, 0, columns) : undefined;
    let offset = 0;
    for (let step = firstStep; step < this.batch.rowsOfStep.length; step++) {
      const rows = this.batch.rowsOfStep[step]!;
      this.writeStep(mask, offset, rows, columns, ofSequence ?? this.draw(site, layer, step, columns));
      offset += rows * columns;
    }
    return applyMask(x, tf.tensor2d(mask, [x.shape[0], columns]));
  }

  /** Attention values `[images · cells, size]`: the cell takes the place of the step. */
  values(values: tf.Tensor2D, images: number): tf.Tensor2D {
    const rate = this.rates.attentionValue;
    if (rate === 0) return values;
    const [rows, size] = values.shape;
    const cells = rows / images;
    const mask = new Float32Array(values.size);
    for (let cell = 0; cell < cells; cell++) {
      const position = { seed: this.seed, site: "attentionValue", layer: 0, step: cell } as const;
      writeDropoutMask(mask, cell * images * size, images, size, rate, position);
    }
    const byImage = tf.transpose(tf.tensor3d(mask, [cells, images, size]), [1, 0, 2]);
    return applyMask(values, tf.reshape(byImage, [rows, size]));
  }

  /** The mask of one step for the batch as given, `[batch, columns]`. */
  private draw(site: DropoutSite, layer: number, step: number, columns: number): Float32Array {
    const rows = this.batch.originalRow.length;
    const mask = new Float32Array(rows * columns);
    writeDropoutMask(mask, 0, rows, columns, this.rates[site], { seed: this.seed, site, layer, step });
    return mask;
  }

  /** Copies the first `rows` packed captions' rows of `drawn` to `target` at `offset`. */
  private writeStep(target: Float32Array, offset: number, rows: number, columns: number, drawn: Float32Array): void {
    for (let i = 0; i < rows; i++) {
      const row = this.batch.originalRow[i]!;
      target.set(drawn.subarray(row * columns, (row + 1) * columns), offset + i * columns);
    }
  }
}
