import type { PositionLosses } from "@showtell/core";
import { type Html, html } from "../../render/html.js";
import { nats, signedNats } from "../format.js";
import { lineChart, type Series } from "../line-chart.js";
import type { ReportData, ReportedCaption } from "../report-data.js";
import { section } from "./section.js";

/** Positions that a smaller share of the texts reaches jump about, and say nothing. */
const LEAST_SHARE = 0.02;

/** Teacher forcing against captioning: what the model's own words cost. */
export function exposure({ prefixLosses, captions }: ReportData): Html {
  const { teacherForced, paired } = prefixLosses;
  const byPosition = lineChart({
    title: "Loss by position",
    description:
      "Teacher-forced loss of the references' words, and minus the log-probability of the model's own words, by position in the caption.",
    xLabel: "word of the caption",
    yLabel: "nats",
    series: [
      { name: "references, teacher-forced", points: points(teacherForced) },
      { name: "its own captions", points: points(ownLosses(captions)) },
    ],
    format: (value) => value.toFixed(2),
    fromZero: true,
  });
  const total = (losses: PositionLosses) => mean(losses.slice(1));
  const bias = total(paired.ownCaption) - total(paired.otherReference);
  const series: Series[] = [
    { name: "its own beginning (teacher forcing)", points: points(paired.teacherForced) },
    { name: "another person's", points: points(paired.otherReference) },
    { name: "the model's own words", points: points(paired.ownCaption) },
  ];
  const beginnings = lineChart({
    title: "The same reference words after three beginnings",
    description: `Loss of reference words after the reference's own beginning ${nats(total(paired.teacherForced))}, after another person's ${nats(total(paired.otherReference))}, after the model's own words ${nats(total(paired.ownCaption))}, on average.`,
    xLabel: "word of the reference",
    yLabel: "nats",
    series,
    format: (value) => value.toFixed(2),
    fromZero: true,
  });
  const verdict = html`<p>From the second word on, the words people wrote cost <strong>${nats(total(paired.teacherForced))}</strong> nats after their own beginning, <strong>${nats(total(paired.otherReference))}</strong> after another person's, and <strong>${nats(total(paired.ownCaption))}</strong> after the model's own. The last two differ by <strong>${signedNats(bias)}</strong>: ${bias > 0 ? "at most that much is exposure bias, for people's wordings may also be more like each other than like the model's" : "its own words throw the model off no more than another person's wording does"}.</p>`;
  return section({
    id: "exposure",
    title: "Teacher forcing against captioning",
    lead: "Loss is measured with the true words so far; a model that captions has only its own. After its own words a reference is harder to predict, but so it is after anyone's other wording of the same photo: only what lies beyond that is exposure bias.",
    body: html`<div class="charts">${byPosition}${paired.ownCaption.length > 1 && beginnings}</div>${paired.ownCaption.length > 1 && verdict}`,
  });
}

function points(losses: PositionLosses): Series["points"] {
  const fewest = LEAST_SHARE * (losses[0]?.tokenCount ?? 0);
  return losses.flatMap(({ lossSum, tokenCount }, i) =>
    tokenCount < fewest ? [] : [{ x: i + 1, y: lossSum / tokenCount }],
  );
}

function mean(losses: PositionLosses): number {
  const sum = (key: "lossSum" | "tokenCount") => losses.reduce((total, position) => total + position[key], 0);
  return sum("lossSum") / sum("tokenCount");
}

function ownLosses(captions: readonly ReportedCaption[]): PositionLosses {
  const longest = Math.max(...captions.map(({ words }) => words.length));
  return Array.from({ length: longest }, (_, position) => {
    const words = captions.flatMap((caption) => caption.words[position] ?? []);
    return {
      lossSum: words.reduce((sum, { probability }) => sum - Math.log(probability), 0),
      tokenCount: words.length,
    };
  });
}
