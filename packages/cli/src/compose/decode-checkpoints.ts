import {
  type Backend,
  type CaptionModel,
  type CaptionOptions,
  type Checkpoint,
  type DecodedSplit,
  decodeSplit,
  type ResolvedGenerationOptions,
  resolveCaptionOptions,
  resolveGenerationOptions,
  type Split,
  type View,
} from "@showtell/core";
import type { DatasetFlags } from "../options/dataset-options.js";
import type { Terminal } from "../render/terminal.js";
import { type EncodedDataset, openEncodedDataset } from "./encoded-dataset.js";
import { encoderOfCheckpoint } from "./encoder-registry.js";

/** How a split is captioned. */
export interface DecodingOptions {
  readonly split: Split;
  /** What the caller says; the rest comes from the first checkpoint. */
  readonly captions: CaptionOptions;
  /** They vote; default the plain view. */
  readonly views: readonly View[] | undefined;
  /** Keep the attention of each word; the first checkpoint must have it. */
  readonly attention?: boolean;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** The dataset with the features that these checkpoints read: what is missing is encoded. The caller closes the store. */
export async function openCheckpointData(
  checkpoints: readonly Checkpoint[],
  { data, images, store }: DatasetFlags,
  options: DecodingOptions & { readonly encoder: string | undefined },
): Promise<EncodedDataset> {
  const { encoder, split, terminal, signal } = options;
  const attention = checkpoints.some(({ decoder }) => decoder.attention !== undefined);
  return openEncodedDataset({
    dataPath: data,
    imagesPath: images,
    storePath: store,
    encoderSpecPath: await encoderOfCheckpoint(checkpoints[0]!.encoder, encoder),
    outputs: attention ? ["pooled", "grid"] : ["pooled"],
    views: options.views ?? ["plain"],
    splits: [split],
    terminal,
    signal,
  });
}

export interface DecodedCheckpoints {
  readonly decoded: DecodedSplit;
  /** How it was done: what the caller said and what the first checkpoint says. */
  readonly resolved: ResolvedGenerationOptions;
  /** With decoders that live until the backend is disposed of. */
  readonly models: readonly (CaptionModel & { readonly checkpoint: Checkpoint })[];
}

/** Captions a split with one checkpoint, or several that vote together. */
export async function decodeCheckpoints(
  checkpoints: readonly Checkpoint[],
  { dataset, store }: EncodedDataset,
  backend: Backend,
  options: DecodingOptions,
): Promise<DecodedCheckpoints> {
  const { split, terminal, signal } = options;
  const [{ vocabulary, generation: defaults }] = checkpoints as [Checkpoint];
  const models = await Promise.all(
    checkpoints.map(async (checkpoint) => ({
      checkpoint,
      standardization: checkpoint.standardization,
      decoder: await backend.createDecoder(checkpoint.decoder, checkpoint.parameters),
    })),
  );
  const { generation } = resolveCaptionOptions(models, options.captions);
  const resolved = resolveGenerationOptions(generation, vocabulary.size, defaults);
  const total = dataset.images.filter((image) => image.split === split).length;
  const progress = terminal.progress("captioning", total, "photos");
  try {
    const decoded = await decodeSplit(dataset, split, {
      models,
      features: store.source(dataset),
      vocabulary,
      generation,
      defaults,
      ...(options.views && { views: options.views }),
      attention: options.attention,
      signal,
      onProgress: (done) => progress.update(done),
    });
    return { decoded, resolved, models };
  } finally {
    progress.stop();
  }
}
