/**
 * What every backend asks of its arguments before it touches them, so that a wrong shape is the same sentence everywhere.
 * All functions throw ShapeError or OptionError and return nothing.
 */
import { expected, OptionError, ShapeError } from "../errors.js";
import type { Float16Tensor, NamedTensors, Tensor } from "../tensor.js";
import type { AdamUpdate, Features, OptimizerState, TokenDraws, TrainingBatch } from "./backend.js";
import type { DecoderSpec } from "./decoder-spec.js";
import { type ParameterShape, parameterShapes } from "./parameter-shapes.js";

/** Names the first parameter that is missing, surplus or of another shape. */
export function checkParameters(spec: DecoderSpec, parameters: NamedTensors): void {
  checkNamedTensors(parameterShapes(spec), parameters, "parameter");
}

/** Moments and averages cover the trainable names; moments may both be empty before the first step. */
export function checkOptimizerState(spec: DecoderSpec, state: OptimizerState): void {
  if (!Number.isSafeInteger(state.step) || state.step < 0) {
    throw new OptionError(expected("a count of updates ≥ 0", "optimizer step", state.step));
  }
  const trainable = parameterShapes(spec).filter((parameter) => parameter.trainable);
  const noMoments = state.firstMoments.size === 0 && state.secondMoments.size === 0;
  if (noMoments && state.step > 0) {
    throw new ShapeError(expected("moments", `an optimizer state after ${state.step} updates`, "none"));
  }
  if (!noMoments) {
    checkNamedTensors(trainable, state.firstMoments, "first moment");
    checkNamedTensors(trainable, state.secondMoments, "second moment");
  }
  if (state.averages !== undefined) checkNamedTensors(trainable, state.averages, "average");
  if (state.lossScale === undefined) return;
  const { factor, stepsWithoutOverflow } = state.lossScale;
  if (!(factor >= 1 && factor < Number.POSITIVE_INFINITY)) {
    throw new OptionError(expected("a finite number ≥ 1", "lossScale.factor", factor));
  }
  if (!Number.isSafeInteger(stepsWithoutOverflow) || stepsWithoutOverflow < 0) {
    throw new OptionError(expected("a count of steps ≥ 0", "lossScale.stepsWithoutOverflow", stepsWithoutOverflow));
  }
}

function checkNamedTensors(shapes: readonly ParameterShape[], tensors: NamedTensors, kind: string): void {
  for (const { name, shape } of shapes) {
    const value = tensors.get(name);
    if (value === undefined) throw new ShapeError(expected(`shape [${shape}]`, `${kind} ${name}`, undefined));
    checkTensor(value, shape, `${kind} ${name}`);
  }
  if (tensors.size === shapes.length) return;
  const names = new Set(shapes.map((parameter) => parameter.name));
  const surplus = [...tensors.keys()].find((name) => !names.has(name));
  throw new ShapeError(expected(`only the names of the decoder spec`, `${kind}s`, surplus));
}

/** `undefined` in `shape` leaves that dimension free. */
function checkTensor(
  value: Tensor | Float16Tensor,
  shape: readonly (number | undefined)[],
  name: string,
  halvesToo = false,
): void {
  const text = `shape [${shape.map((size) => size ?? "any").join(", ")}]`;
  const data = value?.data;
  if (!(data instanceof Float32Array || (halvesToo && data instanceof Uint16Array)) || !Array.isArray(value.shape)) {
    throw new ShapeError(expected(`a float32 ${halvesToo ? "or float16 " : ""}tensor of ${text}`, name, value));
  }
  const fits =
    value.shape.length === shape.length &&
    value.shape.every((size, axis) => Number.isSafeInteger(size) && size >= 0 && size === (shape[axis] ?? size));
  if (!fits) throw new ShapeError(expected(text, name, value.shape));
  const size = value.shape.reduce((product, axis) => product * axis, 1);
  if (value.data.length !== size) throw new ShapeError(expected(`${size} values`, name, value.data.length));
}

/** At least one image; a grid iff the spec has attention. */
export function checkFeatures(spec: DecoderSpec, features: Features): void {
  checkTensor(features?.pooled, [undefined, spec.featureSize], "pooled features");
  const images = features.pooled.shape[0]!;
  if (images < 1) throw new ShapeError(expected("at least one image", "pooled features", features.pooled.shape));
  if (spec.attention === undefined) {
    if (features.grid !== undefined) {
      throw new ShapeError(expected("none (the decoder has no attention)", "grid features", features.grid.shape));
    }
    return;
  }
  if (features.grid === undefined) {
    throw new ShapeError(
      expected(`shape [${images}, cells, ${spec.attention.gridFeatureSize}]`, "grid features", undefined),
    );
  }
  checkTensor(features.grid, [images, undefined, spec.attention.gridFeatureSize], "grid features", true);
  if (features.grid.shape[1]! < 1)
    throw new ShapeError(expected("at least one cell", "grid features", features.grid.shape));
}

/** One token id of the vocabulary for each row. */
export function checkTokenIds(spec: DecoderSpec, tokenIds: Int32Array, rows: number): void {
  checkIntegers(tokenIds, rows, spec.vocabSize, "token ids");
}

/** One number below 1 for each row. */
export function checkTokenDraws({ uniforms, temperature }: TokenDraws, rows: number): void {
  if (!(uniforms instanceof Float64Array) || uniforms.length !== rows) {
    throw new ShapeError(expected(`a Float64Array of ${rows} numbers`, "uniforms", uniforms));
  }
  const odd = uniforms.find((uniform) => !(uniform < 1));
  if (odd !== undefined) throw new OptionError(expected("numbers below 1", "uniforms", odd));
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new OptionError(expected("a finite number > 0", "temperature", temperature));
  }
}

/** At least one row index, each below `stateRows`. */
export function checkRowIndices(rows: Int32Array, stateRows: number): void {
  if (!(rows instanceof Int32Array) || rows.length < 1) {
    throw new ShapeError(expected("an Int32Array of at least one row index", "rows", rows));
  }
  checkIntegers(rows, rows.length, stateRows, "rows");
}

function checkIntegers(values: Int32Array, count: number, limit: number, name: string, minimum = 0): void {
  if (!(values instanceof Int32Array)) throw new ShapeError(expected(`an Int32Array of ${count} values`, name, values));
  if (values.length !== count) throw new ShapeError(expected(`${count} values`, name, values.length));
  for (const value of values) {
    if (value < minimum || value >= limit) {
      throw new ShapeError(expected(`values from ${minimum} to ${limit - 1}`, name, value));
    }
  }
}

export function checkTrainingBatch(spec: DecoderSpec, batch: TrainingBatch): void {
  checkFeatures(spec, batch.features);
  const { batchSize, timeSteps } = batch;
  for (const [name, size] of Object.entries({ batchSize, timeSteps })) {
    if (!Number.isSafeInteger(size) || size < 1) throw new ShapeError(expected("an integer ≥ 1", name, size));
  }
  checkIntegers(batch.imageOfRow, batchSize, batch.features.pooled.shape[0]!, "imageOfRow");
  checkIntegers(batch.tokenIds, batchSize * timeSteps, spec.vocabSize, "tokenIds");
  checkIntegers(batch.lengths, batchSize, timeSteps + 1, "lengths", 1);
  if (batch.tokenWeights !== undefined) {
    checkTensor({ shape: [batchSize * timeSteps], data: batch.tokenWeights }, [batchSize * timeSteps], "tokenWeights");
  }
  if (batch.inputTokenIds !== undefined) {
    checkIntegers(batch.inputTokenIds, batchSize * timeSteps, spec.vocabSize, "inputTokenIds");
  }
  if (!(batch.labelSmoothing >= 0 && batch.labelSmoothing < 1)) {
    throw new OptionError(expected("0 ≤ value < 1", "labelSmoothing", batch.labelSmoothing));
  }
  if (!Number.isSafeInteger(batch.dropoutSeed) || batch.dropoutSeed < 0) {
    throw new OptionError(expected("an integer from 0 to 2⁵³ − 1", "dropoutSeed", batch.dropoutSeed));
  }
}

export function checkAdamUpdate(update: AdamUpdate): void {
  const { learningRate, beta1, beta2, epsilon, clipNorm, averageDecay } = update;
  const demand = (holds: boolean, what: string, name: string, value: unknown) => {
    if (!holds) throw new OptionError(expected(what, name, value));
  };
  demand(Number.isFinite(learningRate) && learningRate >= 0, "a finite number ≥ 0", "learningRate", learningRate);
  demand(beta1 >= 0 && beta1 < 1, "0 ≤ value < 1", "beta1", beta1);
  demand(beta2 >= 0 && beta2 < 1, "0 ≤ value < 1", "beta2", beta2);
  demand(Number.isFinite(epsilon) && epsilon > 0, "a finite number > 0", "epsilon", epsilon);
  demand(clipNorm === undefined || clipNorm > 0, "a number > 0", "clipNorm", clipNorm);
  const decayHolds = averageDecay === undefined || (averageDecay >= 0 && averageDecay < 1);
  demand(decayHolds, "0 ≤ value < 1", "averageDecay", averageDecay);
}
