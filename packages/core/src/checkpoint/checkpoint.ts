import type { OptimizerState } from "../decoder/backend.js";
import type { DecoderSpec } from "../decoder/decoder-spec.js";
import { parameterShapes } from "../decoder/parameter-shapes.js";
import { CheckpointError, expected } from "../errors.js";
import type { NamedTensors, Tensor } from "../tensor.js";
import type { Vocabulary } from "../text/vocabulary.js";
import type { CheckpointData, CheckpointScores } from "./checkpoint-config.js";
import type { FeatureStandardization } from "./feature-standardization.js";
import type { GenerationDefaults } from "./generation-defaults.js";

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** The encoder a decoder was trained with: features of any other mean nothing to it. */
export interface CheckpointEncoder {
  /** Hash over weights and preprocessing. */
  readonly fingerprint: string;
  /** The encoder's JSON spec. */
  readonly spec: JsonObject;
}

/** Everything a folder needs to caption by itself, given the encoder's weights. */
export interface Checkpoint {
  readonly decoder: DecoderSpec;
  /** All names of `parameterShapes(decoder)`. */
  readonly parameters: NamedTensors;
  readonly standardization?: FeatureStandardization;
  readonly vocabulary: Vocabulary;
  readonly encoder: CheckpointEncoder;
  readonly generation: GenerationDefaults;
  readonly recipe?: JsonObject;
  readonly data?: CheckpointData;
  readonly scores?: CheckpointScores;
}

/** What resuming needs besides the checkpoint. */
export interface TrainingSnapshot {
  readonly optimizer: OptimizerState;
  /** Parameters as the optimizer moves them, where the checkpoint holds their average instead. */
  readonly parameters?: NamedTensors;
  /** Position in the training, as training-state.ts defines it. */
  readonly state: JsonObject;
}

export const CONFIG_FILE = "config.json";
export const VOCABULARY_FILE = "vocabulary.json";
export const DECODER_FILE = "decoder.safetensors";
export const OPTIMIZER_FILE = "optimizer.safetensors";
export const STATE_FILE = "training-state.json";

const MEAN = "features.mean";
const DEVIATION = "features.deviation";

/** Tensors of decoder.safetensors, in file order. */
export function checkpointTensors(checkpoint: Checkpoint): NamedTensors {
  const { decoder, parameters, standardization } = checkpoint;
  const tensors = new Map<string, Tensor>();
  for (const { name } of parameterShapes(decoder)) {
    const parameter = parameters.get(name);
    if (!parameter)
      throw new CheckpointError(expected(`parameter ${JSON.stringify(name)}`, "the checkpoint", undefined));
    tensors.set(name, parameter);
  }
  if (standardization) {
    tensors.set(MEAN, { shape: [decoder.featureSize], data: standardization.mean });
    tensors.set(DEVIATION, { shape: [decoder.featureSize], data: standardization.deviation });
  }
  return tensors;
}

/** Name → shape of everything in decoder.safetensors. */
export function checkpointShapes(decoder: DecoderSpec, standardized: boolean): Map<string, readonly number[]> {
  const shapes = new Map(parameterShapes(decoder).map(({ name, shape }) => [name, shape]));
  if (standardized) shapes.set(MEAN, [decoder.featureSize]).set(DEVIATION, [decoder.featureSize]);
  return shapes;
}

/**
 * Takes decoder.safetensors apart again.
 * @throws CheckpointError for a deviation that is not positive: dividing by it would turn every caption to nonsense
 */
export function splitCheckpointTensors(tensors: NamedTensors, standardized: boolean, file: string) {
  const parameters = new Map(tensors);
  parameters.delete(MEAN);
  parameters.delete(DEVIATION);
  if (!standardized) return { parameters };
  const standardization = { mean: tensors.get(MEAN)!.data, deviation: tensors.get(DEVIATION)!.data };
  const bad = standardization.deviation.findIndex((value) => !(value > 0 && value < Number.POSITIVE_INFINITY));
  if (bad >= 0) {
    throw new CheckpointError(
      expected("positive numbers", `${DEVIATION}[${bad}] in ${file}`, standardization.deviation[bad]),
    );
  }
  return { parameters, standardization };
}

const PREFIXES = { first: "firstMoment/", second: "secondMoment/", parameter: "parameter/" } as const;

/** Tensors of optimizer.safetensors. Averages are not among them: they are the checkpoint's own weights. */
export function optimizerTensors(snapshot: TrainingSnapshot): NamedTensors {
  const tensors = new Map<string, Tensor>();
  const add = (prefix: string, source: NamedTensors) => {
    for (const [name, value] of source) tensors.set(prefix + name, value);
  };
  add(PREFIXES.first, snapshot.optimizer.firstMoments);
  add(PREFIXES.second, snapshot.optimizer.secondMoments);
  if (snapshot.parameters) add(PREFIXES.parameter, snapshot.parameters);
  return tensors;
}

/** Name → shape of everything in optimizer.safetensors. Before the first step there are no moments. */
export function optimizerShapes(decoder: DecoderSpec, options: { step: number; averaged: boolean }) {
  const shapes = new Map<string, readonly number[]>();
  for (const { name, shape, trainable } of parameterShapes(decoder)) {
    if (trainable && options.step > 0) shapes.set(PREFIXES.first + name, shape).set(PREFIXES.second + name, shape);
    if (options.averaged) shapes.set(PREFIXES.parameter + name, shape);
  }
  return shapes;
}

/** Takes optimizer.safetensors apart again. */
export function splitOptimizerTensors(tensors: NamedTensors) {
  const take = (prefix: string) =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value] as const),
    );
  return {
    firstMoments: take(PREFIXES.first),
    secondMoments: take(PREFIXES.second),
    parameters: take(PREFIXES.parameter),
  };
}
