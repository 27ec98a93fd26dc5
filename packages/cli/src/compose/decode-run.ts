import {
  type Backend,
  type Dataset,
  type PrefixLosses,
  prefixLosses,
  type SearchOptions,
  toPrefixImages,
} from "@showtell/core";
import type { Evaluation } from "@showtell/eval";
import type { DatasetFlags } from "../options/dataset-options.js";
import {
  type DecodedCheckpoints,
  type DecodingOptions,
  decodeCheckpoints,
  openCheckpointData,
} from "./decode-checkpoints.js";
import type { EncodedDataset } from "./encoded-dataset.js";
import type { RunToReport } from "./reported-run.js";
import { evaluateSplit } from "./score-split.js";

export interface DecodeRunOptions extends Omit<DecodingOptions, "attention"> {
  readonly data: DatasetFlags;
  /** What `--encoder` says. */
  readonly encoder: string | undefined;
  readonly backend: Backend;
}

/** A run's captions of a split, scored. */
export interface DecodedRun extends Pick<DecodedCheckpoints, "decoded"> {
  readonly search: SearchOptions;
  readonly run: RunToReport;
  readonly dataset: Dataset;
  readonly evaluation: Evaluation;
  /** Whether photos of the split could not be encoded. */
  readonly photosFailed: boolean;
  /** What the encoder sees of a photo. */
  readonly fit: "squash" | "cover";
}

/** Captions and scores: all that a comparison needs of a run. */
export async function decodeRun(run: RunToReport, options: DecodeRunOptions): Promise<DecodedRun> {
  return withRunOpen(run, options, { attention: false }, async ({ result }) => result);
}

/** The same with the attention of each word, where the model has it, and the losses after three kinds of beginnings. */
export async function decodeMainRun(
  run: RunToReport,
  options: DecodeRunOptions,
): Promise<DecodedRun & { readonly losses: PrefixLosses }> {
  const attention = run.checkpoint.decoder.attention !== undefined;
  return withRunOpen(run, options, { attention }, async ({ result, model, encoded }) => {
    const { vocabulary, standardization } = run.checkpoint;
    const images = toPrefixImages(result.decoded.captions, vocabulary);
    const progress = options.terminal.progress("measuring losses", images.length, "photos");
    try {
      const feed = { source: encoded.store.source(encoded.dataset), grid: attention, standardization };
      const { signal } = options;
      const losses = await prefixLosses(model.decoder, images, feed, {
        signal,
        onProgress: (done) => progress.update(done),
      });
      return { ...result, losses };
    } finally {
      progress.stop();
    }
  });
}

interface OpenRun {
  readonly result: DecodedRun;
  readonly model: DecodedCheckpoints["models"][number];
  readonly encoded: EncodedDataset;
}

/** Decodes and scores, and does some more while the features are at hand. */
async function withRunOpen<T>(
  run: RunToReport,
  options: DecodeRunOptions,
  { attention }: { readonly attention: boolean },
  use: (open: OpenRun) => Promise<T>,
): Promise<T> {
  const { backend, data, split, views, terminal } = options;
  const encoded = await openCheckpointData([run.checkpoint], data, options);
  try {
    terminal.info(`Captioning with ${run.name} on ${backend.name}: ${backend.device.description}`);
    const decoding = { ...options, attention };
    const { decoded, resolved, models } = await decodeCheckpoints([run.checkpoint], encoded, backend, decoding);
    const evaluation = await evaluateSplit(decoded, encoded.dataset, run.checkpoint, {
      split,
      decoding: { ...resolved, views, modelCount: 1 },
    });
    const { fit } = encoded.store.encoder.resize;
    const photosFailed = encoded.result.failures.length > 0;
    const result = { run, dataset: encoded.dataset, decoded, search: resolved.search, evaluation, photosFailed, fit };
    return await use({ result, model: models[0]!, encoded });
  } finally {
    await encoded.store.close();
  }
}
