import type { View } from "@showtell/core/captioning";
import type { Command } from "commander";
import { captionImages } from "../compose/caption-images.js";
import { EXIT } from "../exit-codes.js";
import {
  addGenerationOptions,
  addNBestOption,
  type GenerationFlags,
  generationOptions,
} from "../options/generation-flags.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { choiceOption } from "../options/parse-number.js";
import { parseViews, VOTE_HELP } from "../options/views-option.js";
import { CAPTION_FORMATS, type CaptionFormat } from "../render/caption-writers.js";
import { Terminal } from "../render/terminal.js";

interface CaptionFlags extends GenerationFlags {
  readonly model?: string[];
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly format: CaptionFormat;
  readonly confidence?: boolean;
  readonly views?: View[];
  readonly output?: string;
  readonly resume?: boolean;
  readonly quiet?: boolean;
}

export function registerCaption(program: Command): void {
  const command = program
    .command("caption <input...>")
    .description("caption images, folders, globs, http(s) URLs, or the image on standard input (-)")
    .option("--model <folder...>", "checkpoint folder; several vote together. Default: the captioner that ships")
    .option("--encoder <name|file>", "image encoder, if the model's is not installed")
    .option("--format <name>", CAPTION_FORMATS.join(", "), choiceOption("--format", CAPTION_FORMATS), "text")
    .option("--confidence", "in text output, print how sure the model is of each caption")
    .option("--views <list>", VOTE_HELP, parseViews)
    .option("--output <file>", "write there instead of to standard output")
    .option("--resume", "go on with the --output of a run that was stopped (jsonl and csv)");
  addNBestOption(addGenerationOptions(command));
  addBackendOption(command);
  addQuietOption(command);
  command.addHelpText(
    "after",
    "\nExamples:\n  $ showtell caption photo.jpg\n  $ showtell caption holiday/ --format jsonl --output captions.jsonl --resume\n  $ showtell caption cat.jpg --n-best 3 --confidence",
  );
  command.action(async (inputs: string[], flags: CaptionFlags) => {
    const terminal = new Terminal(flags);
    const signal = interruptSignal(terminal, "Stopping after the photos in hand.");
    const { failed } = await captionImages({
      inputs,
      model: flags.model,
      encoder: flags.encoder,
      backend: flags.backend,
      captioning: { ...generationOptions(flags), views: flags.views, signal },
      format: flags.format,
      confidence: flags.confidence ?? false,
      output: flags.output,
      resume: flags.resume ?? false,
      terminal,
    });
    if (failed > 0) process.exitCode = EXIT.someFailed;
  });
}
