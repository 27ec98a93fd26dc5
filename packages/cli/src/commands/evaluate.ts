import { writeFile } from "node:fs/promises";
import {
  type Backend,
  type Checkpoint,
  type DecodedSplit,
  decodeSplit,
  expected,
  OptionError,
  readCheckpoint,
  resolveCaptionOptions,
  resolveGenerationOptions,
  type SearchOptions,
  type View,
} from "@showtell/core";
import type { Command } from "commander";
import { defaultCaptionerPath, findCaptioner } from "../compose/default-captioner.js";
import { type EncodedDataset, openEncodedDataset } from "../compose/encoded-dataset.js";
import { encoderOfCheckpoint } from "../compose/encoder-registry.js";
import { openDecoderBackend } from "../compose/open-decoder-backend.js";
import { renderEvaluation, scoreSplit } from "../compose/score-split.js";
import { addDatasetOptions, type DatasetFlags } from "../options/dataset-options.js";
import { addGenerationOptions, type GenerationFlags, generationOptions } from "../options/generation-flags.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { choiceOption } from "../options/parse-number.js";
import { Terminal } from "../render/terminal.js";

const SPLITS = ["train", "dev", "test"] as const;

interface EvaluateFlags extends DatasetFlags, GenerationFlags {
  readonly model?: string[];
  readonly split: (typeof SPLITS)[number];
  readonly mirrored?: boolean;
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function registerEvaluate(program: Command): void {
  const command = program.command("evaluate").description("caption a split of a dataset and score the captions");
  addDatasetOptions(command)
    .option("--model <folder...>", "checkpoint folder; several vote together. Default: the captioner that ships")
    .option("--split <name>", SPLITS.join(", "), choiceOption("--split", SPLITS), "dev")
    .option("--mirrored", "let the photo and its mirror image vote")
    .option("--encoder <name|file>", "image encoder, if the model's is not installed")
    .option("--output <file>", "write the captions as JSON lines")
    .option("--json", "print JSON");
  addGenerationOptions(command);
  addBackendOption(command);
  addQuietOption(command);
  command.addHelpText(
    "after",
    "\nExample:\n  $ showtell evaluate --model runs/first/checkpoints/best --data flickr8k --split dev --output dev.jsonl",
  );
  command.action(async (flags: EvaluateFlags) => {
    const terminal = new Terminal(flags);
    const signal = interruptSignal(terminal, "Stopping.");
    const folders = flags.model?.map(findCaptioner) ?? [defaultCaptionerPath()];
    const checkpoints = await Promise.all(folders.map((folder) => readCheckpoint(folder)));
    const attention = checkpoints.some(({ decoder }) => decoder.attention !== undefined);
    const views: View[] = flags.mirrored ? ["plain", "mirrored"] : ["plain"];
    const encoded = await openEncodedDataset({
      dataPath: flags.data,
      imagesPath: flags.images,
      storePath: flags.store,
      encoderSpecPath: await encoderOfCheckpoint(checkpoints[0]!.encoder, flags.encoder),
      outputs: attention ? ["pooled", "grid"] : ["pooled"],
      views,
      splits: [flags.split],
      terminal,
      signal,
    });
    const backend = await openDecoderBackend(flags.backend);
    try {
      terminal.info(`Captioning on ${backend.name}: ${backend.device.description}`);
      const { decoded, search } = await decode(checkpoints, encoded, backend, { flags, views, terminal, signal });
      if (flags.output !== undefined) await writeCaptions(flags.output, decoded);
      const evaluation = await scoreSplit(decoded, encoded.dataset, checkpoints[0]!, {
        split: flags.split,
        decoding: { ...search, mirrored: flags.mirrored ?? false },
      });
      process.stdout.write(flags.json ? `${JSON.stringify(evaluation, undefined, 2)}\n` : renderEvaluation(evaluation));
    } finally {
      await backend.dispose();
      await encoded.store.close();
    }
  });
}

interface DecodeContext {
  readonly flags: EvaluateFlags;
  readonly views: readonly View[];
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function decode(
  checkpoints: readonly Checkpoint[],
  { dataset, store }: EncodedDataset,
  backend: Backend,
  { flags, views, terminal, signal }: DecodeContext,
): Promise<{ decoded: DecodedSplit; search: SearchOptions }> {
  const [{ vocabulary, generation: defaults }] = checkpoints as [Checkpoint];
  const models = await Promise.all(
    checkpoints.map(async (checkpoint) => ({
      checkpoint,
      standardization: checkpoint.standardization,
      decoder: await backend.createDecoder(checkpoint.decoder, checkpoint.parameters),
    })),
  );
  const generation = {
    ...defaults,
    ...given(resolveCaptionOptions(models, generationOptions(flags)).generation),
  };
  const { search } = resolveGenerationOptions(generation, vocabulary.size);
  const total = dataset.images.filter(({ split }) => split === flags.split).length;
  const progress = terminal.progress("captioning", total, "photos");
  try {
    const decoded = await decodeSplit(dataset, flags.split, {
      models,
      features: store.source(dataset),
      vocabulary,
      generation,
      views,
      signal,
      onProgress: (done) => progress.update(done),
    });
    return { decoded, search };
  } finally {
    progress.stop();
  }
}

/** Options that were given: an absent flag must not hide the model's default. */
function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

async function writeCaptions(path: string, { captions }: DecodedSplit): Promise<void> {
  const lines = captions.map(({ image, caption }) => `${JSON.stringify({ image: image.id, caption })}\n`);
  await writeFile(path, lines.join("")).catch((cause: unknown) => {
    throw new OptionError(expected("a writable file", "--output", path), { cause });
  });
}
