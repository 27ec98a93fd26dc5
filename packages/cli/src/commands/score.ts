import { expected, OptionError } from "@showtell/core/errors";
import {
  type Comparison,
  compareEvaluations,
  type Evaluation,
  type EvaluationOptions,
  evaluateCaptions,
  MAX_SAMPLES,
  METRIC_NAMES,
  type MetricName,
  mergeReferences,
  pairCaptions,
} from "@showtell/eval";
import { loadParaphrases, loadSynonyms, readCaptions } from "@showtell/eval/node";
import type { Command } from "commander";
import { choiceOption, integerOption } from "../options/parse-number.js";
import { percent, scoreTable, statisticsTable } from "../render/evaluation-tables.js";
import { renderTable } from "../render/table.js";

interface ScoreFlags {
  readonly references: readonly string[];
  readonly hypotheses: string;
  readonly against?: string;
  readonly metrics?: readonly MetricName[];
  readonly tokenizer: "ptb" | "none";
  readonly meteorParaphrases?: string;
  readonly countEndToken?: string;
  readonly trainingCaptions?: string;
  readonly maxLength?: number;
  readonly ignoreMissing?: boolean;
  readonly perCaption?: boolean;
  readonly samples: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function registerScore(program: Command): void {
  program
    .command("score")
    .description("score captions against references: BLEU, METEOR, ROUGE-L, CIDEr-D, equal to coco-caption")
    .requiredOption(
      "--references <files...>",
      "reference captions: COCO JSON, JSON, JSONL, CSV, Flickr8k tokens; or plain lines, one file per reference",
    )
    .requiredOption("--hypotheses <file>", "one caption per image: COCO results JSON, JSON, JSONL, CSV or plain lines")
    .option("--against <file>", "another system's captions: adds a paired significance test")
    .option(
      "--metrics <names>",
      `comma-separated, of ${METRIC_NAMES.join(", ")} (default: all but CIDEr-plain)`,
      parseMetrics,
    )
    .option(
      "--tokenizer <name>",
      "ptb, or none for text that is tokenised already",
      choiceOption("--tokenizer", ["ptb", "none"]),
      "ptb",
    )
    .option(
      "--meteor-paraphrases <file>",
      "METEOR's paraphrase-en.gz, as in the Python package pycocoevalcap; without it METEOR is named (no paraphrases)",
    )
    .option(
      "--count-end-token <word>",
      "put this word behind every caption; only to compare with tables that counted it",
    )
    .option("--training-captions <file>", "captions the model was trained on: adds novelty")
    .option(
      "--max-length <words>",
      "longest caption the model may write: adds the share cut off",
      integerOption("--max-length", 1),
    )
    .option("--ignore-missing", "score the images that both files have")
    .option("--per-caption", "print the scores of every caption")
    .option(
      "--samples <count>",
      "bootstrap samples behind intervals and tests; 0 leaves them out",
      integerOption("--samples", 0, MAX_SAMPLES),
      1000,
    )
    .option("--seed <number>", "of the bootstrap", integerOption("--seed", 0), 1)
    .option("--json", "print JSON: signature, corpus, segments; values unscaled")
    .addHelpText(
      "after",
      "\nExample:\n  $ showtell score --references captions_val2014.json --hypotheses results.json --against baseline.json",
    )
    .action((flags: ScoreFlags) => score(flags));
}

async function score(flags: ScoreFlags): Promise<void> {
  const options = await evaluationOptions(flags);
  const references = mergeReferences(await Promise.all(flags.references.map((path) => readCaptions(path))));
  const evaluate = async (path: string) => {
    const pairs = pairCaptions(references, await readCaptions(path), { ignoreMissing: flags.ignoreMissing ?? false });
    return evaluateCaptions(pairs, options);
  };
  const evaluation = await evaluate(flags.hypotheses);
  const other = flags.against === undefined ? undefined : await evaluate(flags.against);
  const comparison =
    other === undefined
      ? undefined
      : compareEvaluations(evaluation, other, { samples: Math.max(1, flags.samples), seed: flags.seed });
  const text = flags.json ? scoreJson(evaluation, other, comparison) : scoreText(evaluation, flags, other, comparison);
  process.stdout.write(`${text}\n`);
}

async function evaluationOptions(flags: ScoreFlags): Promise<EvaluationOptions> {
  const metrics = flags.metrics ?? METRIC_NAMES.filter((name) => name !== "CIDEr-plain");
  const table = flags.meteorParaphrases;
  if (table !== undefined && !metrics.includes("METEOR"))
    throw new OptionError(expected("METEOR among --metrics", "--meteor-paraphrases", metrics.join(",")));
  const training = flags.trainingCaptions === undefined ? undefined : await readCaptions(flags.trainingCaptions);
  return {
    metrics,
    tokenizer: flags.tokenizer,
    synonyms: metrics.includes("METEOR") ? await loadSynonyms() : undefined,
    paraphrases: table === undefined ? undefined : (phrases) => loadParaphrases(table, phrases),
    endToken: flags.countEndToken,
    intervals: flags.samples === 0 ? false : { samples: flags.samples, seed: flags.seed },
    describe: {
      trainingCaptions: training && [...training.captions.values()].flat(),
      maxLength: flags.maxLength,
    },
  };
}

function parseMetrics(text: string): MetricName[] {
  const choice = choiceOption("--metrics", METRIC_NAMES);
  return text.split(",").map((name) => choice(name.trim()));
}

/** What `--json` prints: {signature, corpus, segments} with coco-caption's keys, and what goes with them. */
function scoreJson(
  evaluation: Evaluation,
  other?: Evaluation,
  comparison?: Readonly<Record<string, Comparison>>,
): string {
  const { signature, corpus, segments, intervals, statistics } = evaluation;
  return JSON.stringify(
    {
      signature,
      corpus,
      intervals,
      statistics,
      segments: Object.fromEntries(segments),
      ...(other && { against: { corpus: other.corpus, intervals: other.intervals, comparison } }),
    },
    undefined,
    2,
  );
}

function scoreText(
  evaluation: Evaluation,
  flags: ScoreFlags,
  other: Evaluation | undefined,
  comparison: Readonly<Record<string, Comparison>> | undefined,
): string {
  const parts = [scoreTable(evaluation), statisticsTable(evaluation)];
  if (other !== undefined && comparison !== undefined) parts.push(comparisonTable(evaluation, other, comparison));
  if (flags.perCaption) parts.push(captionTable(evaluation));
  return parts.join("\n\n");
}

function comparisonTable(
  first: Evaluation,
  second: Evaluation,
  comparison: Readonly<Record<string, Comparison>>,
): string {
  const rows = Object.entries(comparison).map(([key, { difference, interval, pValue }]) => [
    first.names[key]!,
    percent(first.corpus[key]!),
    percent(second.corpus[key]!),
    `${difference < 0 ? "" : "+"}${percent(difference)}`,
    `${percent(interval.low)} – ${percent(interval.high)}`,
    pValue.toFixed(4),
  ]);
  return renderTable(["metric", "this", "against", "difference", "95 % interval", "p"], rows);
}

function captionTable({ segments, names }: Evaluation): string {
  const keys = Object.keys(names);
  const rows = [...segments].map(([id, scores]) => [id, ...keys.map((key) => percent(scores[key]!))]);
  return renderTable(["image", ...keys.map((key) => names[key]!)], rows);
}
