import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  EncoderError,
  type EncoderSpecDraft,
  expected,
  importEncoder,
  inceptionV3Spec,
  OptionError,
} from "@showtell/core";
import type { Command } from "commander";
import { importedEncodersFolder, installedEncoders } from "../compose/encoder-registry.js";
import { renderTable } from "../render/table.js";

export function registerEncoder(program: Command): void {
  const encoder = program.command("encoder").description("list image encoders, import another one");

  encoder
    .command("list")
    .description("the encoders of this machine")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }) => {
      const encoders = await installedEncoders();
      if (options.json) {
        process.stdout.write(`${JSON.stringify(encoders, undefined, 2)}\n`);
        return;
      }
      const rows = encoders.map(({ spec, origin, fingerprint }) => [
        spec.name,
        `${spec.input.size} x ${spec.input.size}`,
        String(spec.outputs.pooled.size),
        spec.outputs.grid ? `${spec.outputs.grid.cells} x ${spec.outputs.grid.size}` : "none",
        fingerprint.slice(0, 12),
        origin,
      ]);
      process.stdout.write(`${renderTable(["name", "input", "pooled", "grid", "fingerprint", "origin"], rows)}\n`);
    });

  encoder
    .command("import <file>")
    .description("take in an .onnx file with a spec, or Keras' Inception v3 weights (.h5, no top)")
    .option("--spec <file>", "JSON that says how to feed the .onnx file (docs/formats.md, Encoders)")
    .option("--output <folder>", "where to put it; default: among the encoders of this user")
    .addHelpText(
      "after",
      "\nExamples:\n  $ showtell encoder import resnet50.onnx --spec resnet50.json\n  $ showtell encoder import inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    )
    .action(async (file: string, options: { spec?: string; output?: string }) => {
      if (file.endsWith(".h5") && options.spec !== undefined) {
        throw new OptionError(expected("no --spec beside an .h5 file", "--spec", options.spec), {
          hint: "The preprocessing of Inception v3 is known.",
        });
      }
      const draft = options.spec === undefined ? undefined : await readDraft(options.spec);
      const name = draft?.name ?? inceptionV3Spec.name;
      const directory = options.output ?? join(importedEncodersFolder(), name);
      const { spec, specPath } = await importEncoder(file, { directory, ...(draft && { spec: draft }) });
      process.stdout.write(`${specPath}\n`);
      const wanted = options.output === undefined ? spec.name : specPath;
      process.stderr.write(`Imported ${spec.name}. Use it with: showtell train --encoder ${wanted}\n`);
    });
}

/** What is wrong with the draft besides not being JSON, importEncoder says. */
async function readDraft(path: string): Promise<EncoderSpecDraft> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as EncoderSpecDraft;
  } catch (error) {
    throw new EncoderError(expected("a JSON file", "--spec", path), { cause: error });
  }
}
