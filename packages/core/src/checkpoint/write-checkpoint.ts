import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { explainingDiskErrors } from "../disk-errors.js";
import { CheckpointError, expected } from "../errors.js";
import { createDirectory } from "../new-directory.js";
import type { Tensor } from "../tensor.js";
import {
  type Checkpoint,
  CONFIG_FILE,
  checkpointTensors,
  DECODER_FILE,
  OPTIMIZER_FILE,
  optimizerTensors,
  STATE_FILE,
  type TrainingSnapshot,
  VOCABULARY_FILE,
} from "./checkpoint.js";
import { CHECKPOINT_FORMAT, CHECKPOINT_VERSION, type CheckpointConfig, encodeConfig } from "./checkpoint-config.js";
import { readCheckpoint } from "./read-checkpoint.js";
import { replaceDirectory, writeSynced } from "./replace-directory.js";
import { encodeSafetensors, sha256Of } from "./safetensors.js";
import type { StoredDtype } from "./safetensors-header.js";

export interface WriteCheckpointOptions {
  /** With it, training can go on from this folder. */
  readonly snapshot?: TrainingSnapshot;
  /** How matrices are stored. Vectors (biases, normalisation, feature statistics) stay F32: they are small, and small errors there add up. */
  readonly dtype?: StoredDtype;
}

/**
 * Writes the folder, or replaces it, whatever it holds; the old one is there until the new one is complete and on disk.
 * @throws CheckpointError for values that the file cannot hold, and where the disk refuses
 */
export async function writeCheckpoint(
  directory: string,
  checkpoint: Checkpoint,
  options: WriteCheckpointOptions = {},
): Promise<void> {
  const write = checkpointWriter(checkpoint, options);
  await explainingDiskErrors(directory, async () => {
    await mkdir(dirname(directory), { recursive: true });
    await replaceDirectory(directory, write);
  });
}

/**
 * Writes a folder that was not there, or was empty; replaces nothing.
 * @param sources the checkpoint's origins, which the folder must not lie in
 * @throws OptionError where something is at the directory, or it lies in a source; CheckpointError as writeCheckpoint does
 */
export async function createCheckpoint(
  directory: string,
  checkpoint: Checkpoint,
  { sources = [], ...options }: WriteCheckpointOptions & { readonly sources?: readonly string[] } = {},
): Promise<void> {
  await createDirectory(directory, checkpointWriter(checkpoint, options), { sources });
}

/**
 * Writes a checkpoint for captioning: F16 matrices unless asked otherwise, and nothing that only training needs.
 * @param target a folder that is not there yet, or is empty, outside of the source
 * @throws OptionError for another target; CheckpointError
 */
export async function exportCheckpoint(
  source: string,
  target: string,
  options: { dtype?: StoredDtype } = {},
): Promise<void> {
  const dtype = options.dtype ?? "F16";
  await createCheckpoint(target, await readCheckpoint(source), { dtype, sources: [source] });
}

function checkpointWriter(checkpoint: Checkpoint, options: WriteCheckpointOptions): (folder: string) => Promise<void> {
  if (checkpoint.vocabulary.size !== checkpoint.decoder.vocabSize) {
    throw new CheckpointError(
      expected(`${checkpoint.decoder.vocabSize} tokens`, "the checkpoint's vocabulary", checkpoint.vocabulary.size),
    );
  }
  const files = encodeFiles(checkpoint, options);
  const config = encodeConfig(describeCheckpoint(checkpoint, files));
  return async (folder) => {
    for (const [name, bytes] of files) await writeSynced(join(folder, name), bytes);
    await writeSynced(join(folder, CONFIG_FILE), config);
  };
}

function encodeFiles(
  checkpoint: Checkpoint,
  { snapshot, dtype = "F32" }: WriteCheckpointOptions,
): Map<string, Uint8Array> {
  const dtypeOf = (_name: string, value: Tensor) => (value.shape.length > 1 ? dtype : "F32");
  const files = new Map<string, Uint8Array>();
  files.set(VOCABULARY_FILE, encodeJson(checkpoint.vocabulary));
  files.set(
    DECODER_FILE,
    encodeSafetensors(checkpointTensors(checkpoint), { dtypeOf, metadata: { format: CHECKPOINT_FORMAT } }),
  );
  if (snapshot) {
    files.set(OPTIMIZER_FILE, encodeSafetensors(optimizerTensors(snapshot)));
    const { step, lossScale } = snapshot.optimizer;
    files.set(
      STATE_FILE,
      encodeJson({
        optimizerStep: step,
        averaged: snapshot.parameters !== undefined,
        ...(lossScale && { lossScale }),
        training: snapshot.state,
      }),
    );
  }
  return files;
}

function describeCheckpoint(checkpoint: Checkpoint, files: ReadonlyMap<string, Uint8Array>): CheckpointConfig {
  const { decoder, encoder, vocabulary, generation, recipe, data, scores } = checkpoint;
  return {
    format: CHECKPOINT_FORMAT,
    formatVersion: CHECKPOINT_VERSION,
    decoder,
    encoder: { fingerprint: encoder.fingerprint, spec: encoder.spec as CheckpointConfig["encoder"]["spec"] },
    vocabulary: { size: vocabulary.size, sha256: vocabulary.sha256 },
    standardized: checkpoint.standardization !== undefined,
    generation,
    ...(recipe && { recipe: recipe as NonNullable<CheckpointConfig["recipe"]> }),
    ...(data && { data }),
    ...(scores && { scores }),
    files: Object.fromEntries(
      [...files].map(([name, bytes]) => [name, { bytes: bytes.byteLength, sha256: sha256Of(bytes) }]),
    ),
  };
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
}
