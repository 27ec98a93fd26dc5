import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CheckpointError, expected } from "../errors.js";
import { sizeOf } from "../tensor.js";
import { Vocabulary } from "../text/vocabulary.js";
import {
  type Checkpoint,
  CONFIG_FILE,
  checkpointShapes,
  DECODER_FILE,
  type JsonObject,
  OPTIMIZER_FILE,
  optimizerShapes,
  STATE_FILE,
  splitCheckpointTensors,
  splitOptimizerTensors,
  type TrainingSnapshot,
  VOCABULARY_FILE,
} from "./checkpoint.js";
import { type CheckpointConfig, decodeConfig, parseJson } from "./checkpoint-config.js";
import { completeVersion } from "./replace-directory.js";
import { checkSha256, readBounded, readSafetensors, sha256Of } from "./safetensors.js";
import { MAX_FILE_BYTES, MAX_HEADER_BYTES } from "./safetensors-header.js";

export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
export const MAX_VOCABULARY_BYTES = 256 * 1024 * 1024;

/**
 * Reads a checkpoint folder. Version, names, shapes, sizes and hashes are checked before weights are allocated.
 * @throws CheckpointError (or VocabularyError) with one line that names the file and what is wrong with it
 */
export async function readCheckpoint(directory: string): Promise<Checkpoint> {
  const folder = await completeVersion(directory);
  const config = await readConfig(folder);
  const vocabulary = await readVocabulary(folder, config);
  const { decoder, encoder, generation, standardized, recipe, data, scores } = config;
  const shapes = checkpointShapes(decoder, standardized);
  const tensors = await readWeights(folder, DECODER_FILE, config, shapes);
  return {
    decoder,
    ...splitCheckpointTensors(tensors, standardized, join(folder, DECODER_FILE)),
    vocabulary,
    encoder,
    generation,
    ...(recipe && { recipe }),
    ...(data && { data }),
    ...(scores && { scores }),
  };
}

/** config.json alone: what `model inspect` shows. */
export async function readCheckpointConfig(directory: string): Promise<CheckpointConfig> {
  return readConfig(await completeVersion(directory));
}

const stateSchema = z.strictObject({
  optimizerStep: z.int().min(0),
  averaged: z.boolean(),
  lossScale: z.strictObject({ factor: z.number().min(1), stepsWithoutOverflow: z.int().min(0) }).optional(),
  training: z.record(z.string(), z.json()),
});

/**
 * What resuming needs besides the checkpoint itself; weight averages are filled in from the checkpoint's own weights.
 * @throws CheckpointError, also where the folder was written without it
 */
export async function readTrainingSnapshot(directory: string): Promise<TrainingSnapshot> {
  const folder = await completeVersion(directory);
  const config = await readConfig(folder);
  if (!config.files[STATE_FILE]) {
    throw new CheckpointError(
      expected(`${STATE_FILE} and ${OPTIMIZER_FILE}`, folder, "a checkpoint for captioning only"),
      {
        hint: "Training goes on from the folder `checkpoints/last` of a run.",
      },
    );
  }
  const path = join(folder, STATE_FILE);
  const parsed = stateSchema.safeParse(parseJson(await readText(folder, STATE_FILE, config, MAX_CONFIG_BYTES), path));
  if (!parsed.success) throw new CheckpointError(expected("a training state", path, parsed.error.issues[0]!.message));
  const { optimizerStep: step, averaged, lossScale, training } = parsed.data;
  const shapes = optimizerShapes(config.decoder, { step, averaged });
  const { parameters, ...moments } = splitOptimizerTensors(await readWeights(folder, OPTIMIZER_FILE, config, shapes));
  const optimizer = { step, ...moments, ...(lossScale && { lossScale }) };
  return { optimizer, ...(averaged && { parameters }), state: training as JsonObject };
}

async function readConfig(folder: string): Promise<CheckpointConfig> {
  const path = join(folder, CONFIG_FILE);
  if (!(await isFolder(folder))) {
    throw new CheckpointError(expected("a checkpoint folder", "the model", folder), {
      hint: "A checkpoint is a folder with config.json, vocabulary.json and decoder.safetensors.",
    });
  }
  return decodeConfig(new TextDecoder().decode(await readBounded(path, MAX_CONFIG_BYTES)), path);
}

async function readVocabulary(folder: string, config: CheckpointConfig): Promise<Vocabulary> {
  const path = join(folder, VOCABULARY_FILE);
  const bytes = await readBounded(path, MAX_VOCABULARY_BYTES);
  const file = listed(config, VOCABULARY_FILE, folder);
  if (sha256Of(bytes) !== file.sha256) {
    // A whole vocabulary of another model is a likelier mistake than damage, and deserves its own sentence.
    const other = parseVocabularyOrNothing(bytes, path);
    if (other && other.sha256 !== config.vocabulary.sha256) throw foreignVocabulary(other, config, path);
    checkSha256(bytes, file.sha256, path);
  }
  const vocabulary = Vocabulary.parse(parseJson(new TextDecoder().decode(bytes), path), path);
  if (vocabulary.sha256 !== config.vocabulary.sha256 || vocabulary.size !== config.decoder.vocabSize) {
    throw foreignVocabulary(vocabulary, config, path);
  }
  return vocabulary;
}

function parseVocabularyOrNothing(bytes: Uint8Array, path: string): Vocabulary | undefined {
  try {
    return Vocabulary.parse(JSON.parse(new TextDecoder().decode(bytes)), path);
  } catch {
    return undefined;
  }
}

function foreignVocabulary(found: Vocabulary, config: CheckpointConfig, path: string): CheckpointError {
  const wanted = `the vocabulary of this model (${config.vocabulary.size} tokens, sha256 ${config.vocabulary.sha256.slice(0, 16)}…)`;
  return new CheckpointError(
    expected(wanted, path, `one of ${found.size} tokens, sha256 ${found.sha256.slice(0, 16)}…`),
    {
      hint: "vocabulary.json belongs to another model: weights and vocabulary must come from the same checkpoint folder.",
    },
  );
}

async function readWeights(
  folder: string,
  name: string,
  config: CheckpointConfig,
  shapes: ReadonlyMap<string, readonly number[]>,
) {
  const path = join(folder, name);
  const { bytes, sha256 } = listed(config, name, folder);
  const values = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const limit = Math.min(MAX_FILE_BYTES, values * 4 + MAX_HEADER_BYTES);
  if (bytes > limit) throw new CheckpointError(expected(`at most ${limit} bytes for this decoder`, path, bytes));
  await checkSize(path, bytes);
  return readSafetensors(path, { shapes, sha256 });
}

async function readText(folder: string, name: string, config: CheckpointConfig, limit: number): Promise<string> {
  const path = join(folder, name);
  const bytes = await readBounded(path, limit);
  checkSha256(bytes, listed(config, name, folder).sha256, path);
  return new TextDecoder().decode(bytes);
}

function listed(config: CheckpointConfig, name: string, folder: string) {
  const entry = config.files[name];
  if (!entry)
    throw new CheckpointError(
      expected(`${name} among the files`, join(folder, CONFIG_FILE), Object.keys(config.files)),
    );
  return entry;
}

async function checkSize(path: string, bytes: number): Promise<void> {
  const actual = await stat(path).catch(() => undefined);
  if (actual && actual.size !== bytes) {
    throw new CheckpointError(expected(`${bytes} bytes`, path, actual.size), {
      hint: "The file was cut short or replaced: copy the whole folder again from where it came from.",
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
