import type { Split } from "./dataset.js";

const SPLIT_WORDS: ReadonlyMap<string, Split> = new Map([
  ["train", "train"],
  ["training", "train"],
  // Karpathy's COCO splits: validation images that everybody trains on.
  ["restval", "train"],
  ["dev", "dev"],
  ["val", "dev"],
  ["valid", "dev"],
  ["validation", "dev"],
  ["test", "test"],
  ["testing", "test"],
]);

export const SPLIT_WORDS_HINT = "Write train, dev or test (val, validation and restval are understood as well).";

/** The split that a word of a dataset file means, or undefined. */
export function parseSplit(word: string): Split | undefined {
  return SPLIT_WORDS.get(word.trim().toLowerCase());
}

/** The split that a file name speaks of, as in captions_val2017.json or train.jsonl; undefined when it names none or several. */
export function splitOfFileName(name: string): Split | undefined {
  const stem = name.replace(/\.[^.]*$/, "");
  const splits = new Set(stem.split(/[^a-z]+/i).flatMap((word) => parseSplit(word) ?? []));
  return splits.size === 1 ? [...splits][0] : undefined;
}
