import * as tf from "@tensorflow/tfjs-core";
import { differentiable } from "./differentiable.js";
import { type GateActivation, gateDerivative, type LstmStep, lstmStep } from "./lstm-cell.js";

/**
 * One LSTM layer over a packed batch (packed-batch.ts), with its own backward pass: backpropagation through time by the chain rule of single
 * operations would multiply one weight gradient a step, this one multiplies a single one for all steps together.
 * @param inputGates `[positions, 4 · hiddenSize]`: x · W + b of all steps
 * @param recurrentMask `[batch, hiddenSize]` on h_{t−1}
 * @returns hidden states `[positions, hiddenSize]`
 */
export function lstmSequence(
  inputGates: tf.Tensor2D,
  recurrentWeight: tf.Tensor2D,
  initialHidden: tf.Tensor2D,
  initialCell: tf.Tensor2D,
  options: {
    readonly rowsOfStep: readonly number[];
    readonly activation: GateActivation;
    readonly recurrentMask?: tf.Tensor2D | undefined;
  },
): tf.Tensor2D {
  const { rowsOfStep, activation, recurrentMask } = options;
  return differentiable(
    [inputGates, recurrentWeight, initialHidden, initialCell],
    () => {
      const trace: Trace = { steps: [], previousHidden: [], previousCell: [] };
      let hidden = initialHidden;
      let cell = initialCell;
      for (const [t, gatesOfStep] of splitSteps(inputGates, rowsOfStep).entries()) {
        const rows = rowsOfStep[t]!;
        const masked = recurrentMask
          ? tf.mul<tf.Tensor2D>(firstRows(hidden, rows), firstRows(recurrentMask, rows))
          : firstRows(hidden, rows);
        const previousCell = firstRows(cell, rows);
        const step = lstmStep(tf.add(gatesOfStep, tf.matMul(masked, recurrentWeight)), previousCell, activation);
        trace.steps.push(step);
        trace.previousHidden.push(masked);
        trace.previousCell.push(previousCell);
        ({ hidden, cell } = step);
      }
      const value = tf.concat(trace.steps.map((step) => step.hidden)) as tf.Tensor2D;
      const saved = [...savedTensors(trace), recurrentWeight, ...(recurrentMask ? [recurrentMask] : [])];
      return { value, saved };
    },
    (gradient, saved) => backward(gradient, saved, rowsOfStep, activation),
  );
}

interface Trace {
  readonly steps: LstmStep[];
  readonly previousHidden: tf.Tensor2D[];
  readonly previousCell: tf.Tensor2D[];
}

type SavedTensors = readonly [
  inputGate: tf.Tensor2D,
  forgetGate: tf.Tensor2D,
  candidate: tf.Tensor2D,
  outputGate: tf.Tensor2D,
  tanhCell: tf.Tensor2D,
  previousHidden: tf.Tensor2D,
  previousCell: tf.Tensor2D,
  weight: tf.Tensor2D,
];

/** All `[positions, hiddenSize]`, in the order `backward` takes them. */
function savedTensors({ steps, previousHidden, previousCell }: Trace): tf.Tensor2D[] {
  const all = (pick: (step: LstmStep) => tf.Tensor2D) => tf.concat(steps.map(pick)) as tf.Tensor2D;
  return [
    all((step) => step.inputGate),
    all((step) => step.forgetGate),
    all((step) => step.candidate),
    all((step) => step.outputGate),
    all((step) => step.tanhCell),
    tf.concat(previousHidden) as tf.Tensor2D,
    tf.concat(previousCell) as tf.Tensor2D,
  ];
}

/** Gradients of inputGates, recurrentWeight, initialHidden and initialCell. */
function backward(
  gradient: tf.Tensor2D,
  saved: readonly tf.Tensor2D[],
  rowsOfStep: readonly number[],
  activation: GateActivation,
): tf.Tensor2D[] {
  const [i, f, g, o, tanhCell, previousHidden, previousCell, weight] = saved as unknown as SavedTensors;
  const recurrentMask = saved[8];
  // Everything that does not depend on later steps is computed for all steps at once. The pre-activations' gradients are
  // [dc, dc, dc, dh] ⊙ gateFactors, and dc = dh ⊙ cellFactor + what comes back through the next step's forget gate.
  const gateFactors = splitSteps(
    tf.concat(
      [
        tf.mul(g, gateDerivative(i, activation)),
        tf.mul(previousCell, gateDerivative(f, activation)),
        tf.mul(i, tf.sub(1, tf.square(g))),
        tf.mul(tanhCell, gateDerivative(o, activation)),
      ],
      1,
    ) as tf.Tensor2D,
    rowsOfStep,
  );
  const cellFactors = splitSteps(tf.mul(o, tf.sub(1, tf.square(tanhCell))), rowsOfStep);
  const forgetGates = splitSteps(f, rowsOfStep);
  const gradients = splitSteps(gradient, rowsOfStep);
  const transposedWeight = tf.transpose(weight);

  const gateGradients: tf.Tensor2D[] = [];
  let hiddenGradient: tf.Tensor2D | undefined;
  let cellGradient: tf.Tensor2D | undefined;
  for (let t = rowsOfStep.length - 1; t >= 0; t--) {
    const rows = rowsOfStep[t]!;
    const dh = hiddenGradient ? tf.add<tf.Tensor2D>(gradients[t]!, padRows(hiddenGradient, rows)) : gradients[t]!;
    const ownCell = tf.mul<tf.Tensor2D>(dh, cellFactors[t]!);
    const dc = cellGradient ? tf.add<tf.Tensor2D>(ownCell, padRows(cellGradient, rows)) : ownCell;
    const dGates = tf.mul<tf.Tensor2D>(tf.concat([dc, dc, dc, dh], 1) as tf.Tensor2D, gateFactors[t]!);
    gateGradients.push(dGates);
    const dMasked = tf.matMul<tf.Tensor2D>(dGates, transposedWeight);
    hiddenGradient = recurrentMask ? tf.mul<tf.Tensor2D>(dMasked, firstRows(recurrentMask, rows)) : dMasked;
    cellGradient = tf.mul<tf.Tensor2D>(dc, forgetGates[t]!);
  }
  const allGates = tf.concat(gateGradients.reverse()) as tf.Tensor2D;
  const weightGradient = tf.matMul<tf.Tensor2D>(previousHidden, allGates, true);
  return [allGates, weightGradient, hiddenGradient!, cellGradient!];
}

function splitSteps(x: tf.Tensor2D, rowsOfStep: readonly number[]): tf.Tensor2D[] {
  return tf.split(x, [...rowsOfStep], 0);
}

/** Captions end, never start: a later step's rows are the first ones of an earlier step's. */
function firstRows(x: tf.Tensor2D, rows: number): tf.Tensor2D {
  return x.shape[0] === rows ? x : tf.slice(x, [0, 0], [rows, x.shape[1]]);
}

function padRows(x: tf.Tensor2D, rows: number): tf.Tensor2D {
  const missing = rows - x.shape[0];
  return missing === 0 ? x : (tf.concat([x, tf.zeros([missing, x.shape[1]])]) as tf.Tensor2D);
}
