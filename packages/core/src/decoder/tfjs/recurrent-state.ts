import * as tf from "@tensorflow/tfjs-core";
import type { DecoderSpec } from "../decoder-spec.js";
import type { DeviceParameters } from "./device-parameters.js";
import { joinColumns, linear } from "./differentiable.js";
import {
  type AttentionMemory,
  attendMemory,
  attentionMemory,
  attentionOutput,
  groupByImage,
  projectGrid,
  type RowsByImage,
} from "./grid-attention.js";
import { initialStates, projectImages } from "./image-injection.js";
import { lstmStep } from "./lstm-cell.js";
import { normalise } from "./normalization.js";
import { outputLogits } from "./output-logits.js";
import type { DeviceFeatures } from "./token-losses.js";

/** Device tensors of a DecoderState: what is carried from one generation step to the next. */
export interface RecurrentState {
  /** Of each LSTM layer, `[rows, hiddenSize]`. */
  readonly layers: readonly { readonly hidden: tf.Tensor2D; readonly cell: tf.Tensor2D }[];
  /** `first-input`, before the first step: the projected image of each row, `[rows, embeddingSize]`. */
  readonly firstInput: tf.Tensor2D | undefined;
  readonly attention: { readonly memory: AttentionMemory; readonly imageOfRow: Int32Array } | undefined;
}

export function startState(spec: DecoderSpec, parameters: DeviceParameters, features: DeviceFeatures): RecurrentState {
  return keepState(() => {
    const images = normalise(features.pooled, "image.normalization", spec, parameters);
    const rows = images.shape[0];
    const first = spec.imageInjection === "first-input";
    const zeros = (): tf.Tensor2D => tf.zeros([rows, spec.hiddenSize]);
    return {
      layers: first
        ? Array.from({ length: spec.layerCount }, () => ({ hidden: zeros(), cell: zeros() }))
        : initialStates(images, spec, parameters),
      firstInput: first ? projectImages(images, parameters) : undefined,
      attention: spec.attention && {
        memory: attentionMemory(projectGrid(features.grid!, parameters), spec.attention.heads),
        imageOfRow: Int32Array.from({ length: rows }, (_, row) => row),
      },
    };
  });
}

/** @returns the advanced state and the logits `[rows, vocabSize]`; `state` is not disposed. */
export function advanceState(
  spec: DecoderSpec,
  parameters: DeviceParameters,
  state: RecurrentState,
  tokenIds: Int32Array,
): { readonly next: RecurrentState; readonly logits: tf.Tensor2D } {
  let logits: tf.Tensor2D | undefined;
  const next = keepState(() => {
    let input: tf.Tensor2D =
      state.firstInput ?? tf.gather(parameters.matrix("embedding.weight"), tf.tensor1d(tokenIds, "int32"));
    const layers = state.layers.map((previous, layer) => {
      const prefix = `lstm.${layer}`;
      const normalised = normalise(input, `${prefix}.normalization`, spec, parameters);
      const preActivations: tf.Tensor2D = tf.add(
        linear(normalised, parameters.matrix(`${prefix}.inputWeight`), parameters.vector(`${prefix}.bias`)),
        tf.matMul(previous.hidden, parameters.matrix(`${prefix}.recurrentWeight`)),
      );
      const { hidden, cell } = lstmStep(preActivations, previous.cell, spec.gateActivation);
      input = hidden;
      return { hidden, cell };
    });
    let output = input;
    if (state.attention) {
      const { context } = attendMemory(input, state.attention.memory, rowsByImage(state.attention), parameters);
      output = attentionOutput(joinColumns(input, context()), parameters);
    }
    logits = tf.keep(outputLogits(output, spec, parameters));
    return { layers, firstInput: undefined, attention: state.attention };
  });
  return { next, logits: logits! };
}

/** Attention of the last step, averaged over heads, `[rows, cells]`: it follows from the hidden state, so that nothing is kept for it. */
export function stateAttention(parameters: DeviceParameters, state: RecurrentState): tf.Tensor2D {
  const hidden = state.layers.at(-1)!.hidden;
  const attention = state.attention!;
  return tf.tidy(() => attendMemory(hidden, attention.memory, rowsByImage(attention), parameters).weights());
}

/** @returns a state of its own with `rows[i]` of the old rows; `state` is not disposed. */
export function gatherState(state: RecurrentState, rows: Int32Array): RecurrentState {
  return keepState(() => {
    const indices = tf.tensor1d(rows, "int32");
    const gather = (x: tf.Tensor2D): tf.Tensor2D => tf.gather(x, indices);
    return {
      layers: state.layers.map(({ hidden, cell }) => ({ hidden: gather(hidden), cell: gather(cell) })),
      firstInput: state.firstInput && gather(state.firstInput),
      attention: state.attention && gatherAttention(state.attention, rows),
    };
  });
}

/** Images that have lost all their rows cost time at every step; once they are half of all, their keys and values are dropped. */
function gatherAttention(attention: NonNullable<RecurrentState["attention"]>, rows: Int32Array) {
  const imageOfRow = rows.map((row) => attention.imageOfRow[row]!);
  const { values, keys } = attention.memory;
  const used = [...new Set(imageOfRow)].sort((a, b) => a - b);
  if (used.length * 2 > values.shape[0]) return { memory: attention.memory, imageOfRow };
  const indices = tf.tensor1d(used, "int32");
  const renumbered = new Map(used.map((image, index) => [image, index]));
  return {
    memory: { values: tf.gather(values, indices) as tf.Tensor4D, keys: tf.gather(keys, indices) as tf.Tensor4D },
    imageOfRow: imageOfRow.map((image) => renumbered.get(image)!),
  };
}

function rowsByImage({ memory, imageOfRow }: NonNullable<RecurrentState["attention"]>): RowsByImage {
  return groupByImage(imageOfRow, memory.values.shape[0]);
}

/** Disposes what `state` holds and `survivor` does not. */
export function disposeState(state: RecurrentState, survivor?: RecurrentState): void {
  const kept = new Set(survivor && stateTensors(survivor));
  for (const tensor of stateTensors(state)) if (!kept.has(tensor)) tensor.dispose();
}

/** Builds a state whose tensors outlive the scope they are computed in. */
function keepState(build: () => RecurrentState): RecurrentState {
  let state: RecurrentState | undefined;
  tf.tidy(() => {
    state = build();
    for (const tensor of stateTensors(state)) tf.keep(tensor);
  });
  return state!;
}

function stateTensors({ layers, firstInput, attention }: RecurrentState): tf.Tensor[] {
  return [
    ...layers.flatMap(({ hidden, cell }) => [hidden, cell]),
    ...(firstInput ? [firstInput] : []),
    ...(attention ? [attention.memory.values, attention.memory.keys] : []),
  ];
}
