import { type Html, html } from "../../render/html.js";
import { barChart } from "../bar-chart.js";
import { probability, score } from "../format.js";
import type { ReportData } from "../report-data.js";
import { scrolling, section } from "./section.js";

/** The metrics with their intervals and signatures, what people score, and whether confidence says anything. */
export function scores(data: ReportData): Html {
  const { metrics, people, runs, confidenceGroups, dataset } = data;
  const run = runs[0]!;
  const rows = metrics.map(({ key, name }) => {
    const interval = run.intervals[key];
    return html`<tr><th scope="row">${name}</th><td><strong>${score(run.scores[key]!)}</strong></td><td>${interval && `${score(interval.low)} – ${score(interval.high)}`}</td>${people && html`<td>${people[key] === undefined ? "–" : score(people[key])}</td>`}</tr>`;
  });
  const table = html`<table class="numbers">
<thead><tr><th scope="col">metric × 100</th><th scope="col">score</th><th scope="col">95 % interval</th>${people && html`<th scope="col">people</th>`}</tr></thead>
<tbody>${rows}</tbody></table>`;
  const signatures = html`<details><summary>Signatures: what these numbers may be compared with</summary><ul class="plain">${Object.values(run.signatures).map((line) => html`<li><code>${line}</code></li>`)}</ul></details>`;
  const chart = barChart({
    title: "Does confidence say anything?",
    description: `Mean CIDEr-D of captions by confidence, from the least confident fifth to the most: ${confidenceGroups.map(({ meanScore }) => score(meanScore)).join(", ")}.`,
    xLabel: "confidence, fifths of the captions",
    yLabel: "mean CIDEr-D × 100",
    categories: confidenceGroups.map(({ from, to }) => `${probability(from)}–${probability(to)}`),
    series: [{ name: "CIDEr-D", values: confidenceGroups.map(({ meanScore }) => meanScore) }],
    format: score,
  });
  return section({
    id: "scores",
    title: "Scores",
    lead: html`On ${dataset.split}, as coco-caption computes them. Intervals are bootstraps over photos: they say how much the choice of photos matters, and nothing about other training runs.${people && html` <em>People</em> is each reference in turn scored against the others, so with one reference fewer.`}`,
    body: html`<div class="split"><div>${scrolling("Scores", table)}${signatures}</div>${confidenceGroups.length > 1 && chart}</div>`,
  });
}
