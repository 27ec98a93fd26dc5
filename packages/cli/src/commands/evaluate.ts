import { type DecodedSplit, readCheckpoint } from "@showtell/core";
import type { View } from "@showtell/core/captioning";
import type { Command } from "commander";
import { decodeCheckpoints, openCheckpointData } from "../compose/decode-checkpoints.js";
import { defaultCaptionerPath, findCaptioner } from "../compose/default-captioner.js";
import { openDecoderBackend } from "../compose/open-decoder-backend.js";
import { renderEvaluation, scoreSplit } from "../compose/score-split.js";
import { EXIT } from "../exit-codes.js";
import { addDatasetOptions, addSplitOption, type DatasetFlags, type SplitFlag } from "../options/dataset-options.js";
import { addGenerationOptions, type GenerationFlags, generationOptions } from "../options/generation-flags.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { parseViews, VOTE_HELP } from "../options/views-option.js";
import { openResultOutput, withResultOutput } from "../render/result-output.js";
import { Terminal } from "../render/terminal.js";

interface EvaluateFlags extends DatasetFlags, SplitFlag, GenerationFlags {
  readonly model?: string[];
  readonly views?: View[];
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function registerEvaluate(program: Command): void {
  const command = program.command("evaluate").description("caption a split of a dataset and score the captions");
  addSplitOption(addDatasetOptions(command))
    .option("--model <folder...>", "checkpoint folder; several vote together. Default: the captioner that ships")
    .option("--views <list>", VOTE_HELP, parseViews)
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
    const options = {
      split: flags.split,
      captions: generationOptions(flags),
      views: flags.views,
      encoder: flags.encoder,
      terminal,
      signal,
    };
    // Opened first: whoever cannot write there need not wait for the captions to hear it.
    const output = await openResultOutput(flags.output, { resumable: false });
    const { decoded, resolved, dataset } = await withResultOutput(output, async () => {
      const encoded = await openCheckpointData(checkpoints, flags, options);
      if (encoded.result.failures.length > 0) process.exitCode = EXIT.someFailed;
      try {
        const backend = await openDecoderBackend(flags.backend);
        terminal.info(`Captioning on ${backend.name}: ${backend.device.description}`);
        const result = await decodeCheckpoints(checkpoints, encoded, backend, options).finally(() => backend.dispose());
        if (flags.output !== undefined) await output.write(captionLines(result.decoded));
        return { ...result, dataset: encoded.dataset };
      } finally {
        await encoded.store.close();
      }
    });
    const evaluation = await scoreSplit(decoded, dataset, checkpoints[0]!, {
      split: flags.split,
      decoding: { ...resolved, views: options.views, modelCount: checkpoints.length },
    });
    process.stdout.write(flags.json ? `${JSON.stringify(evaluation, undefined, 2)}\n` : renderEvaluation(evaluation));
  });
}

function captionLines({ captions }: DecodedSplit): string {
  return captions.map(({ image, caption }) => `${JSON.stringify({ image: image.id, caption })}\n`).join("");
}
