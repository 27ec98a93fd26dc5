import type { Command } from "commander";
import { DEFAULT_STORE } from "../compose/encoded-dataset.js";
import { choiceOption } from "./parse-number.js";

const SPLITS = ["train", "dev", "test"] as const;

export interface SplitFlag {
  readonly split: (typeof SPLITS)[number];
}

export interface DatasetFlags {
  readonly data: string;
  readonly images?: string;
  readonly store: string;
}

/** Options of every command that reads a dataset's photos through a feature store. */
export function addDatasetOptions(command: Command): Command {
  return command
    .requiredOption("--data <path>", "dataset: Flickr8k/30k folder, Karpathy or COCO JSON, JSONL or CSV")
    .option("--images <folder>", "where the photos lie, if not where the dataset says")
    .option("--store <folder>", "feature store; what is missing is encoded first", DEFAULT_STORE);
}

/** Option of commands that caption one split. */
export function addSplitOption(command: Command): Command {
  return command.option("--split <name>", SPLITS.join(", "), choiceOption("--split", SPLITS), "dev");
}
