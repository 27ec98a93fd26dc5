import { join } from "node:path";
import type { View } from "@showtell/core/captioning";
import type { Command } from "commander";
import { collectReport } from "../compose/collect-report.js";
import { openDecoderBackend } from "../compose/open-decoder-backend.js";
import { type RunToReport, readRunsToReport } from "../compose/reported-run.js";
import { EXIT } from "../exit-codes.js";
import { addDatasetOptions, addSplitOption, type DatasetFlags, type SplitFlag } from "../options/dataset-options.js";
import { addGenerationOptions, type GenerationFlags, generationOptions } from "../options/generation-flags.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { integerOption } from "../options/parse-number.js";
import { parseViews, VOTE_HELP } from "../options/views-option.js";
import { packageVersion } from "../package-version.js";
import { openResultOutput, withResultOutput } from "../render/result-output.js";
import { Terminal } from "../render/terminal.js";
import { reportPage } from "../report/page.js";

const DEFAULT_NAME = "report.html";

interface ReportFlags extends DatasetFlags, SplitFlag, GenerationFlags {
  readonly output?: string;
  readonly examples: number;
  readonly views?: View[];
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function registerReport(program: Command): void {
  const command = program
    .command("report")
    .description("write one HTML page about a run: curves, scores, captions, attention, comparison with other runs")
    .argument("<run...>", "run folders, checkpoints, or captioners that ship; the others are compared with the first");
  addSplitOption(addDatasetOptions(command))
    .option("--output <file>", `where to write; default: ${DEFAULT_NAME} in the first run's folder`)
    .option(
      "--examples <n>",
      "photos in each list: sample, best, worst, most uncertain",
      integerOption("--examples", 0),
      12,
    )
    .option("--views <list>", VOTE_HELP, parseViews)
    .option("--encoder <name|file>", "image encoder, if the model's is not installed")
    .option("--json", "the data behind the page instead of the page; to standard output if there is no --output");
  addGenerationOptions(command);
  addBackendOption(command);
  addQuietOption(command);
  command.addHelpText(
    "after",
    "\nExample:\n  $ showtell report runs/first --data flickr8k\n  $ showtell report runs/second runs/first --data flickr8k --output second-against-first.html",
  );
  command.action(async (names: string[], flags: ReportFlags) => {
    const terminal = new Terminal(flags);
    const signal = interruptSignal(terminal, "Stopping.");
    const [first, ...others] = await readRunsToReport(names);
    const path = flags.output ?? (flags.json ? undefined : defaultOutput(first!));
    // Opened first: whoever cannot write there need not wait for the captions to hear it.
    const output = await openResultOutput(path, { resumable: false });
    await withResultOutput(output, async () => {
      const backend = await openDecoderBackend(flags.backend);
      const { data, pictures, photosFailed } = await collectReport([first!, ...others], {
        data: flags,
        split: flags.split,
        captions: generationOptions(flags),
        views: flags.views,
        encoder: flags.encoder,
        shownPerList: flags.examples,
        version: packageVersion(),
        now: new Date(),
        backend,
        terminal,
        signal,
      }).finally(() => backend.dispose());
      if (photosFailed) process.exitCode = EXIT.someFailed;
      await output.write(flags.json ? `${JSON.stringify(data)}\n` : reportPage(data, pictures));
    });
    if (path !== undefined) process.stdout.write(`${path}\n`);
  });
}

/** Beside the run's other files; never into a checkpoint, whose folder holds what it needs and nothing else. */
function defaultOutput({ isRunFolder, path }: RunToReport): string {
  return isRunFolder ? join(path, DEFAULT_NAME) : DEFAULT_NAME;
}
