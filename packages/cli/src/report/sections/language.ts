import { type Content, type Html, html } from "../../render/html.js";
import { barChart } from "../bar-chart.js";
import { count, share } from "../format.js";
import type { ReportData, WordShare } from "../report-data.js";
import { scrolling, section } from "./section.js";

/** What the captions look like: lengths, words, and how much is learnt by heart. */
export function language({ runs, words, captions }: ReportData): Html {
  const { statistics, model } = runs[0]!;
  const charts = [
    lengths(statistics.lengthDistribution, statistics.referenceLengthDistribution),
    wordsSaid(words.bands),
    edits(captions),
  ];
  const facts: [string, Content][] = [
    [
      "words a caption, a reference",
      `${statistics.meanLength.toFixed(1)}, ${statistics.meanReferenceLength.toFixed(1)}`,
    ],
    ["different words", count(statistics.distinctWords)],
    ["of the vocabulary", share(statistics.distinctWords / model.vocabularySize)],
    ["different captions", share(statistics.distinctCaptions)],
    ["distinct-1, distinct-2", `${share(statistics.distinct1)}, ${share(statistics.distinct2)}`],
    ["captions that repeat a word pair", share(statistics.selfRepetition)],
    [
      "cut off at the length limit",
      share(captions.filter((caption) => caption.endedByMaxLength).length / captions.length),
    ],
  ];
  return section({
    id: "language",
    title: "Words",
    lead: "A captioner that plays safe says few words, often, in sentences it has read.",
    body: html`<div class="charts">${charts}</div>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<div class="charts">${wordTable("Said more often than by people", words.overused)}${wordTable("Said by people, never by the model", words.neverSaid, { neverSaid: true })}</div>`,
  });
}

/** Longer ones are counted together: a few very long references would flatten everything else. */
const LONGEST_SHOWN = 25;

function lengths(captions: readonly number[], references: readonly number[]): Html {
  const most = Math.min(LONGEST_SHOWN, Math.max(captions.length, references.length) - 1);
  const fewest = Math.min(firstUsed(captions), firstUsed(references));
  const range = Array.from({ length: most - fewest + 1 }, (_, i) => fewest + i);
  const shares = (counts: readonly number[]) => {
    const total = sum(counts);
    return range.map((length) => (length === most ? sum(counts.slice(most)) : (counts[length] ?? 0)) / total);
  };
  return barChart({
    title: "Length in words",
    description: "Shares of captions and references by their length in words.",
    xLabel: "words",
    yLabel: "share",
    categories: range.map((length) => (length === LONGEST_SHOWN ? `${length}+` : String(length))),
    series: [
      { name: "captions", values: shares(captions) },
      { name: "references", values: shares(references) },
    ],
    format: percent,
  });
}

function wordsSaid(bands: ReportData["words"]["bands"]): Html | undefined {
  if (bands.length === 0) return undefined;
  return barChart({
    title: "Words said, by how common they are",
    description:
      "Of the words of each band of frequency in the training captions, how many are said by the model and by the references.",
    xLabel: "rank in the training captions, up to",
    yLabel: "said at all",
    categories: bands.map(({ toRank }) => `≤ ${toRank}`),
    series: [
      { name: "captions", values: bands.map((band) => band.inCaptions / size(band)) },
      { name: "references", values: bands.map((band) => band.inReferences / size(band)) },
    ],
    format: percent,
  });
}

const MOST_EDITS = 5;

function edits(captions: ReportData["captions"]): Html | undefined {
  const distances = captions.flatMap(({ nearest }) => nearest?.edits ?? []);
  if (distances.length === 0) return undefined;
  const counts = Array.from(
    { length: MOST_EDITS + 1 },
    (_, edit) => distances.filter((distance) => (edit === MOST_EDITS ? distance >= edit : distance === edit)).length,
  );
  const shares = counts.map((value) => value / distances.length);
  return barChart({
    title: "Distance to the nearest training caption",
    description: `Words to change until a caption is one from training: ${shares.map((value, i) => `${i}: ${percent(value)}`).join(", ")}.`,
    xLabel: "words to change; 0 = a copy",
    yLabel: "share of captions",
    categories: counts.map((_, edit) => (edit === MOST_EDITS ? `${edit}+` : String(edit))),
    series: [{ name: "captions", values: shares }],
    format: percent,
  });
}

function wordTable(title: string, words: readonly WordShare[], { neverSaid = false } = {}): Content {
  if (words.length === 0) return undefined;
  const columns: [string, (word: WordShare) => number][] = [
    ...(neverSaid
      ? []
      : [["in captions", (word: WordShare) => word.inCaptions] as [string, (word: WordShare) => number]]),
    ["in references", (word) => word.inReferences],
  ];
  return scrolling(
    title,
    html`<table class="numbers"><caption>${title}</caption>
<thead><tr><th scope="col">word</th>${columns.map(([name]) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${words.map((word) => html`<tr><th scope="row">${word.word}</th>${columns.map(([, of]) => html`<td>${share(of(word))}</td>`)}</tr>`)}</tbody></table>`,
  );
}

function percent(value: number): string {
  return `${Number((100 * value).toPrecision(value < 0.1 ? 2 : 3))} %`;
}

function size({ fromRank, toRank }: { readonly fromRank: number; readonly toRank: number }): number {
  return toRank - fromRank + 1;
}

function firstUsed(counts: readonly number[]): number {
  return counts.findIndex((value) => value > 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
