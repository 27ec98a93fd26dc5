import type { Evaluation } from "@showtell/eval";
import pc from "picocolors";
import { renderTable } from "./table.js";

/** The corpus table, values times 100 as papers print them, with 95 % intervals and the signatures below. */
export function scoreTable(evaluation: Pick<Evaluation, "names" | "corpus" | "intervals" | "signature">): string {
  const rows = Object.keys(evaluation.corpus).map((key) => {
    const interval = evaluation.intervals[key];
    const spread = interval === undefined ? "" : `${percent(interval.low)} – ${percent(interval.high)}`;
    return [evaluation.names[key]!, percent(evaluation.corpus[key]!), spread];
  });
  const signatures = Object.values(evaluation.signature).map((line) => pc.dim(line));
  return `${renderTable(["metric", "x100", "95 % interval"], rows)}\n\n${signatures.join("\n")}`;
}

/** What the captions look like, apart from whether they are right. */
export function statisticsTable({ statistics }: Pick<Evaluation, "statistics">): string {
  const shares: (readonly [string, number | undefined])[] = [
    ["different captions", statistics.distinctCaptions],
    ["distinct-1", statistics.distinct1],
    ["distinct-2", statistics.distinct2],
    ["captions repeating a word pair", statistics.selfRepetition],
    ["captions not in training", statistics.novelty],
    ["vocabulary used", statistics.vocabularyUse],
    ["cut off at the length limit", statistics.cutOff],
  ];
  return renderTable(
    ["captions", ""],
    [
      ["images", String(statistics.captions)],
      ["words a caption", statistics.meanLength.toFixed(2)],
      ["words a reference", statistics.meanReferenceLength.toFixed(2)],
      ["different words", String(statistics.distinctWords)],
      ...shares.flatMap(([name, share]) => (share === undefined ? [] : [[name, `${percent(share)} %`]])),
    ],
  );
}

export function percent(value: number): string {
  return (100 * value).toFixed(2);
}
