import * as tf from "@tensorflow/tfjs-core";
import type { DecoderSpec } from "../decoder-spec.js";

export type GateActivation = DecoderSpec["gateActivation"];

/** What one step of an LSTM computes; all `[rows, hiddenSize]`. */
export interface LstmStep {
  readonly inputGate: tf.Tensor2D;
  readonly forgetGate: tf.Tensor2D;
  readonly candidate: tf.Tensor2D;
  readonly outputGate: tf.Tensor2D;
  readonly tanhCell: tf.Tensor2D;
  readonly cell: tf.Tensor2D;
  readonly hidden: tf.Tensor2D;
}

/**
 * Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000).
 * @param preActivations `[rows, 4 · hiddenSize]`, gates i, f, g, o side by side
 */
export function lstmStep(preActivations: tf.Tensor2D, previousCell: tf.Tensor2D, activation: GateActivation): LstmStep {
  const [i, f, g, o] = tf.split(preActivations, 4, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const inputGate = gate(i, activation);
  const forgetGate = gate(f, activation);
  const candidate = tf.tanh(g);
  const outputGate = gate(o, activation);
  const cell: tf.Tensor2D = tf.add(tf.mul(forgetGate, previousCell), tf.mul(inputGate, candidate));
  const tanhCell = tf.tanh(cell);
  return { inputGate, forgetGate, candidate, outputGate, tanhCell, cell, hidden: tf.mul(outputGate, tanhCell) };
}

function gate(x: tf.Tensor2D, activation: GateActivation): tf.Tensor2D {
  return activation === "sigmoid" ? tf.sigmoid(x) : tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1);
}

/** Derivative of a gate, from its value. */
export function gateDerivative(value: tf.Tensor2D, activation: GateActivation): tf.Tensor2D {
  if (activation === "sigmoid") return tf.mul(value, tf.sub(1, value));
  return tf.mul(0.2, tf.cast(tf.logicalAnd(tf.greater(value, 0), tf.less(value, 1)), "float32"));
}
