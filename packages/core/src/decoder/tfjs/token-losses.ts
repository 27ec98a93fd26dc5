import * as tf from "@tensorflow/tfjs-core";
import type { DecoderSpec } from "../decoder-spec.js";
import { crossEntropy } from "./cross-entropy.js";
import type { DeviceParameters } from "./device-parameters.js";
import { joinColumns, linear, stackRows, takeRows } from "./differentiable.js";
import { attend, attentionOutput, groupByImage, projectGrid } from "./grid-attention.js";
import { initialStates, projectImages } from "./image-injection.js";
import { lstmSequence } from "./lstm-sequence.js";
import { normalise, type RunningStatistics } from "./normalization.js";
import { outputLogits } from "./output-logits.js";
import type { PackedBatch } from "./packed-batch.js";
import type { PackedDropout } from "./packed-dropout.js";

export interface DeviceFeatures {
  readonly pooled: tf.Tensor2D;
  readonly grid?: tf.Tensor3D;
}

/** Present in training. */
export interface TrainingMode {
  readonly dropout: PackedDropout;
  readonly running: RunningStatistics;
}

/** Teacher forcing: the cross-entropy `[positions]` of every token of a packed batch, all time steps together wherever that is possible. */
export function tokenLosses(
  spec: DecoderSpec,
  parameters: DeviceParameters,
  features: DeviceFeatures,
  batch: PackedBatch,
  labelSmoothing: number,
  training?: TrainingMode,
): tf.Tensor1D {
  const { dropout, running } = training ?? {};
  const images = normalise(features.pooled, "image.normalization", spec, parameters, running);
  const { sequence, states } =
    spec.imageInjection === "first-input"
      ? imageFirst(spec, parameters, images, batch, dropout)
      : imageAsState(spec, parameters, images, batch, dropout);

  let hidden = sequence;
  for (const [layer, { hidden: hidden0, cell: cell0 }] of states.entries()) {
    const prefix = `lstm.${layer}`;
    const normalised = normalise(hidden, `${prefix}.normalization`, spec, parameters, running);
    const input = dropout?.positions(normalised, "input", { layer, mask: spec.dropout.inputMask }) ?? normalised;
    const gates = linear(input, parameters.matrix(`${prefix}.inputWeight`), parameters.vector(`${prefix}.bias`));
    hidden = lstmSequence(gates, parameters.matrix(`${prefix}.recurrentWeight`), hidden0, cell0, {
      rowsOfStep: batch.rowsOfStep,
      activation: spec.gateActivation,
      recurrentMask: dropout?.captionMask("recurrent", layer, spec.hiddenSize),
    });
  }

  let output = hidden;
  if (spec.attention) {
    const imageCount = images.shape[0];
    const projected = projectGrid(
      features.grid!,
      parameters,
      (values) => dropout?.values(values, imageCount) ?? values,
    );
    const rows = groupByImage(batch.imageOfPosition, imageCount);
    const joined = joinColumns(hidden, attend(hidden, projected, rows, spec.attention, parameters));
    output = attentionOutput(dropout?.positions(joined, "attentionOutput") ?? joined, parameters);
  }
  output = dropout?.positions(output, "output") ?? output;
  return crossEntropy(outputLogits(output, spec, parameters), batch.targetIds, labelSmoothing);
}

interface LstmInput {
  /** `[positions, embeddingSize]` */
  readonly sequence: tf.Tensor2D;
  /** Of each layer, `[batch, hiddenSize]`. */
  readonly states: readonly { readonly hidden: tf.Tensor2D; readonly cell: tf.Tensor2D }[];
}

function imageFirst(
  spec: DecoderSpec,
  parameters: DeviceParameters,
  images: tf.Tensor2D,
  batch: PackedBatch,
  dropout: PackedDropout | undefined,
): LstmInput {
  const captions = batch.originalRow.length;
  const ofCaptions = takeRows(projectImages(images, parameters), batch.imageOfCaption);
  const first = dropout?.captions(ofCaptions, "image") ?? ofCaptions;
  const zeros = tf.zeros<tf.Rank.R2>([captions, spec.hiddenSize]);
  const states = Array.from({ length: spec.layerCount }, () => ({ hidden: zeros, cell: zeros }));
  if (batch.rowsOfStep.length === 1) return { sequence: first, states };
  const words = embed(parameters, batch.inputIds.subarray(captions), 1, dropout);
  return { sequence: stackRows(first, words), states };
}

function imageAsState(
  spec: DecoderSpec,
  parameters: DeviceParameters,
  images: tf.Tensor2D,
  batch: PackedBatch,
  dropout: PackedDropout | undefined,
): LstmInput {
  const ofCaptions = takeRows(images, batch.imageOfCaption);
  const states = initialStates(dropout?.captions(ofCaptions, "image") ?? ofCaptions, spec, parameters);
  return { sequence: embed(parameters, batch.inputIds, 0, dropout), states };
}

function embed(
  parameters: DeviceParameters,
  tokenIds: Int32Array,
  firstStep: number,
  dropout: PackedDropout | undefined,
): tf.Tensor2D {
  const words = takeRows(parameters.matrix("embedding.weight"), tokenIds);
  return dropout?.positions(words, "embedding", { firstStep }) ?? words;
}
