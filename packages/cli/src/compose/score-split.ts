import type { Checkpoint, Dataset, DecodedSplit } from "@showtell/core";
import { type Evaluation, evaluateCaptions } from "@showtell/eval";
import { loadSynonyms } from "@showtell/eval/node";
import { scoreTable, statisticsTable } from "../render/evaluation-tables.js";
import { type DecodingSettings, decodingFields } from "./decoding-fields.js";

/** Scores of a model on a split, and what its captions look like. */
export interface SplitEvaluation {
  /** Nats under teacher forcing; absent for an ensemble. */
  readonly lossPerToken?: number;
  /** Images without features: not scored. */
  readonly withoutFeatures: readonly string[];
  readonly signature: Evaluation["signature"];
  readonly names: Evaluation["names"];
  readonly corpus: Evaluation["corpus"];
  readonly intervals: Evaluation["intervals"];
  readonly statistics: Evaluation["statistics"];
}

/**
 * Scores of a split's captions, image by image too.
 * @throws EvaluationError when no image of the split has captions to score against
 */
export async function evaluateSplit(
  decoded: DecodedSplit,
  dataset: Dataset,
  checkpoint: Pick<Checkpoint, "vocabulary" | "generation">,
  { split, decoding }: { readonly split: string; readonly decoding: DecodingSettings },
): Promise<Evaluation> {
  const pairs = decoded.captions
    .filter(({ image }) => image.captions.length > 0)
    .map(({ image, caption }) => ({ id: image.id, candidate: caption, references: image.captions }));
  return evaluateCaptions(pairs, {
    synonyms: await loadSynonyms(),
    signature: { split, ...decodingFields(decoding, checkpoint) },
    describe: { trainingCaptions: trainingCaptions(dataset), vocabularySize: checkpoint.vocabulary.size },
  });
}

export function trainingCaptions(dataset: Dataset): string[] {
  return dataset.images.filter(({ split }) => split === "train").flatMap(({ captions }) => captions);
}

/** What is printed of a split's scores. @throws EvaluationError */
export async function scoreSplit(...args: Parameters<typeof evaluateSplit>): Promise<SplitEvaluation> {
  const [{ lossPerToken, withoutFeatures }] = args;
  const { signature, names, corpus, intervals, statistics } = await evaluateSplit(...args);
  return {
    ...(lossPerToken !== undefined && { lossPerToken }),
    withoutFeatures,
    signature,
    names,
    corpus,
    intervals,
    statistics,
  };
}

/** The tables of `showtell score`, and the loss. */
export function renderEvaluation(evaluation: SplitEvaluation): string {
  const { lossPerToken } = evaluation;
  const parts = [scoreTable(evaluation), statisticsTable(evaluation)];
  if (lossPerToken !== undefined) {
    parts.push(`loss per token ${lossPerToken.toFixed(4)} nats, perplexity ${Math.exp(lossPerToken).toFixed(2)}`);
  }
  return `${parts.join("\n\n")}\n`;
}
