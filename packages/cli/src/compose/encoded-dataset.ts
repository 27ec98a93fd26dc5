import { setImmediate } from "node:timers/promises";
import {
  type Dataset,
  type EncodeDatasetResult,
  type EncoderOutput,
  encodeDataset,
  type FeatureStore,
  loadDataset,
  openEncoder,
  openFeatureStore,
  readEncoderSpec,
  type Split,
  type View,
} from "@showtell/core";
import type { Terminal } from "../render/terminal.js";
import { reportCudaFailure } from "./report-cuda-failure.js";

/** Feature store of commands that are given none. */
export const DEFAULT_STORE = "showtell-features";

export interface EncodedDatasetOptions {
  readonly dataPath: string;
  readonly imagesPath: string | undefined;
  readonly storePath: string;
  /** Path of the encoder's spec. */
  readonly encoderSpecPath: string;
  readonly outputs: readonly EncoderOutput[];
  readonly views: readonly View[];
  /** Encode the photos of these splits only; default all. */
  readonly splits?: readonly Split[];
  /** Refuses what is of no use, before anything is encoded. */
  readonly checkDataset?: (dataset: Dataset) => void | Promise<void>;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

export interface EncodedDataset {
  readonly dataset: Dataset;
  readonly store: FeatureStore;
  readonly result: EncodeDatasetResult;
}

/**
 * A dataset whose photos have features in the store: what is missing is encoded now, what cannot be read is reported and left out.
 * The caller closes the store.
 */
export async function openEncodedDataset(options: EncodedDatasetOptions): Promise<EncodedDataset> {
  const { imagesPath, outputs, views, splits, terminal } = options;
  const dataset = await loadDataset(options.dataPath, imagesPath === undefined ? {} : { images: imagesPath });
  await options.checkDataset?.(dataset);
  const encoder = await readEncoderSpec(options.encoderSpecPath);
  const store = await openFeatureStore(options.storePath, { encoder, outputs, views, create: true });
  try {
    const wanted = splits
      ? { ...dataset, images: dataset.images.filter(({ split }) => splits.includes(split)) }
      : dataset;
    const result = await encodeMissing(wanted, store, options);
    for (const { path, error } of result.failures) terminal.warn(`${path} is left out: ${error.message}`);
    return { dataset, store, result };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function encodeMissing(
  dataset: Dataset,
  store: FeatureStore,
  { encoderSpecPath, terminal, signal }: EncodedDatasetOptions,
): Promise<EncodeDatasetResult> {
  if (await isComplete(store, dataset, signal)) {
    return { encoded: 0, skipped: dataset.images.length, failures: [] };
  }
  const encoder = await openEncoder(encoderSpecPath, { outputs: store.outputs, sessions: 2 });
  reportCudaFailure(encoder, terminal);
  const progress = terminal.progress("encoding", dataset.images.length, "photos");
  try {
    return await encodeDataset(dataset, encoder, store, {
      signal,
      onProgress: ({ done, imagesPerSecond }) => progress.update(done, `${imagesPerSecond.toFixed(1)} photos/s`),
    });
  } finally {
    progress.stop();
    await encoder.dispose();
  }
}

/** Whether nothing is to be done. A photo that changed since it was encoded is looked into: its features may be there under another name. */
async function isComplete(store: FeatureStore, dataset: Dataset, signal: AbortSignal): Promise<boolean> {
  const source = store.source(dataset);
  for (const { id } of dataset.images) {
    // Where every photo is looked into, Ctrl-C has to get through.
    await setImmediate();
    signal.throwIfAborted();
    if (!source.has(id)) return false;
  }
  return true;
}
