import type { View } from "@showtell/core/captioning";
import type { Command } from "commander";
import { openEncodedDataset } from "../compose/encoded-dataset.js";
import { findEncoder } from "../compose/encoder-registry.js";
import { EXIT } from "../exit-codes.js";
import { addDatasetOptions, type DatasetFlags } from "../options/dataset-options.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addQuietOption } from "../options/model-options.js";
import { parseViews } from "../options/views-option.js";
import { Terminal } from "../render/terminal.js";

interface EncodeFlags extends DatasetFlags {
  readonly encoder?: string;
  readonly grid: boolean;
  readonly views?: View[];
  readonly quiet?: boolean;
}

export function registerEncode(program: Command): void {
  const command = program
    .command("encode")
    .description("compute a dataset's image features once, into a feature store; a stopped run goes on where it was");
  addDatasetOptions(command)
    .option("--encoder <name|file>", "a name from `showtell encoder list`, or a spec file")
    .option("--no-grid", "leave out the grid features that attention needs (80 times smaller)")
    .option(
      "--views <list>",
      "views to encode, for example plain,mirrored: each takes as long and as much room (default: all)",
      parseViews,
    )
    .addHelpText("after", "\nExample:\n  $ showtell encode --data flickr8k --store features");
  addQuietOption(command).action(async (flags: EncodeFlags) => {
    const terminal = new Terminal(flags);
    const { store, result } = await openEncodedDataset({
      dataPath: flags.data,
      imagesPath: flags.images,
      storePath: flags.store,
      encoderSpecPath: await findEncoder(flags.encoder),
      outputs: flags.grid ? ["pooled", "grid"] : ["pooled"],
      views: flags.views ?? parseViews("all"),
      terminal,
      signal: interruptSignal(terminal, "Stopping after the photos in hand; the same command goes on from there."),
    });
    await store.close();
    const { encoded, skipped, failures } = result;
    process.stdout.write(`${encoded} encoded, ${skipped} already there, ${failures.length} failed: ${flags.store}\n`);
    if (failures.length > 0) process.exitCode = EXIT.someFailed;
  });
}
