/** The committed values of the reference programs; scripts/golden/eval.py made them. */
import { readFileSync } from "node:fs";
import type { CaptionPair } from "../corpus.js";

interface ReferenceScores {
  readonly corpus: number;
  readonly segments: readonly number[];
  readonly statistics?: readonly (readonly number[])[];
}

interface Golden {
  readonly images: readonly CaptionPair[];
  readonly tokenized: readonly CaptionPair[];
  readonly strings: readonly { readonly text: string; readonly tokenized: string }[];
  readonly paraphrases: readonly (readonly [left: string, right: string])[];
  readonly scores: Readonly<Record<string, ReferenceScores>>;
}

export const golden = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/eval.json", import.meta.url), "utf8"),
) as Golden;

/** The golden paraphrases as METEOR's file has them. */
export const goldenParaphraseText = golden.paraphrases.map(([left, right]) => `0.5\n${left}\n${right}\n`).join("");
