import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  averageCheckpoints,
  createCheckpoint,
  exportCheckpoint,
  parameterShapes,
  readCheckpoint,
  sizeOf,
} from "@showtell/core";
import type { Command } from "commander";
import { defaultCaptionerPath, findCaptioner } from "../compose/default-captioner.js";

export function registerModel(program: Command): void {
  const model = program.command("model").description("look into a checkpoint, export it, or average several");
  model
    .command("inspect [folder]")
    .description(
      "what a checkpoint is: decoder, encoder, vocabulary, recipe, scores; default: the captioner that ships",
    )
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  $ showtell model inspect runs/first/checkpoints/best")
    .action(async (folder: string | undefined, options: { json?: boolean }) => {
      const path = folder === undefined ? defaultCaptionerPath() : findCaptioner(folder);
      const { parameters: _, standardization, vocabulary, ...checkpoint } = await readCheckpoint(path);
      const shapes = parameterShapes(checkpoint.decoder);
      const summary = {
        path,
        ...checkpoint,
        standardized: standardization !== undefined,
        vocabulary: { size: vocabulary.size, tokenizer: vocabulary.tokenizer.name, sha256: vocabulary.sha256 },
        parameters: shapes.reduce((sum, { shape, trainable }) => sum + (trainable ? sizeOf(shape) : 0), 0),
        weightBytes: (await stat(join(path, "decoder.safetensors"))).size,
      };
      process.stdout.write(options.json ? `${JSON.stringify(summary, undefined, 2)}\n` : `${describe(summary)}\n`);
    });
  model
    .command("export <folder> <target>")
    .description(
      "copy a checkpoint for captioning into a new folder: half the size (float16 matrices), nothing that only training needs",
    )
    .addHelpText("after", "\nExample:\n  $ showtell model export runs/first/checkpoints/best my-captioner")
    .action(async (folder: string, target: string) => {
      await exportCheckpoint(findCaptioner(folder), target);
      process.stdout.write(`${target}\n`);
    });
  model
    .command("average <target> <folders...>")
    .description("a new checkpoint with the mean weights of several that began with the same weights")
    .addHelpText(
      "after",
      "\nExample:\n  $ showtell model average my-captioner runs/second/checkpoints/best runs/third/checkpoints/best",
    )
    .action(async (target: string, folders: string[]) => {
      const sources = folders.map(findCaptioner);
      const checkpoints = await Promise.all(sources.map((source) => readCheckpoint(source)));
      await createCheckpoint(target, averageCheckpoints(checkpoints), { sources });
      process.stdout.write(`${target}\n`);
    });
}

function describe(value: object, indent = ""): string {
  return Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .map(([key, entry]) => {
      const nested = typeof entry === "object" && entry !== null && !Array.isArray(entry);
      return nested
        ? `${indent}${key}\n${describe(entry, `${indent}  `)}`
        : `${indent}${key}: ${Array.isArray(entry) ? entry.join(", ") : entry}`;
    })
    .join("\n");
}
