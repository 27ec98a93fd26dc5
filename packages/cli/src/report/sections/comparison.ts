import type { Comparison } from "@showtell/eval";
import { type Html, html } from "../../render/html.js";
import { nats, pValue, score, share, signedScore } from "../format.js";
import { intervalChart } from "../interval-chart.js";
import { lineChart } from "../line-chart.js";
import type { ReportData, ReportedRun } from "../report-data.js";
import { headlineMetrics } from "./overview.js";
import { scrolling, section } from "./section.js";

/** Several runs side by side, each against the first. Nothing for a single one. */
export function comparison(data: ReportData): Html | undefined {
  const { runs, metrics } = data;
  if (runs.length < 2) return undefined;
  const [main] = headlineMetrics(data);
  const trained = runs.filter(({ epochs }) => epochs.length > 0);
  const charts = [
    main &&
      intervalChart({
        title: `${main.name} with 95 % intervals`,
        description: runs.map(({ name, scores }) => `${name} ${score(scores[main.key]!)}`).join(", "),
        xLabel: `${main.name} × 100`,
        rows: runs.map(({ name, scores, intervals }) => ({
          name,
          value: scores[main.key]!,
          interval: intervals[main.key]!,
        })),
        format: score,
      }),
    trained.length > 0 &&
      lineChart({
        title: "Dev loss",
        description: "Dev loss per token of each run by epoch.",
        xLabel: "epoch",
        yLabel: "nats",
        series: trained.map((run) => curve(run, ({ devLossPerToken }) => devLossPerToken)),
        format: (value) => value.toFixed(2),
      }),
    main &&
      trained.some(({ epochs }) => epochs.some(({ devScores }) => devScores?.[main.name] !== undefined)) &&
      lineChart({
        title: `${main.name} of dev captions`,
        description: `${main.name} of each run by epoch.`,
        xLabel: "epoch",
        yLabel: "score × 100",
        series: trained.map((run) => curve(run, ({ devScores }) => devScores?.[main.name] ?? Number.NaN)),
        format: score,
      }),
  ];
  const rows = metrics.map(
    ({ key, name }) =>
      html`<tr><th scope="row">${name}</th>${runs.map((run) => html`<td><strong>${score(run.scores[key]!)}</strong><br><small>${score(run.intervals[key]!.low)} – ${score(run.intervals[key]!.high)}</small>${run.againstFirst?.[key] && difference(run.againstFirst[key])}</td>`)}</tr>`,
  );
  const table = html`<table class="numbers">
<thead><tr><th scope="col">metric × 100</th>${runs.map(({ name }, i) => html`<th scope="col">${name}${i > 0 && html`<br><small>against ${runs[0]!.name}</small>`}</th>`)}</tr></thead>
<tbody>${rows}${others(runs)}</tbody></table>`;
  return section({
    id: "comparison",
    title: "Comparison of runs",
    lead: `Each run against ${runs[0]!.name}, on the same photos. Below each score stand its 95 % interval, then the difference with the interval of the difference, and p of a paired permutation test, two-sided and not corrected for the number of comparisons. A difference is marked where p is below 0.05. Another seed of the same recipe would differ too: these tests know nothing of that.`,
    body: html`${scrolling("Comparison of runs", table)}<div class="charts">${charts}</div>`,
  });
}

function curve({ name, epochs }: ReportedRun, value: (epoch: ReportedRun["epochs"][number]) => number) {
  return { name, points: epochs.map((epoch) => ({ x: epoch.epoch, y: value(epoch) })) };
}

function difference({ difference: value, interval, pValue: p }: Comparison): Html {
  const text = html`${signedScore(value)} <small>(${signedScore(interval.low)} … ${signedScore(interval.high)})</small><br><small>p ${p < 0.0015 ? "≤" : "="} ${pValue(p)}</small>`;
  return html`<br><span class="${p < 0.05 ? (value > 0 ? "better" : "worse") : "same"}">${text}</span>`;
}

/** Rows of what is no metric: without intervals or tests. */
function others(runs: readonly ReportedRun[]): Html[] {
  const rows: [string, (run: ReportedRun) => string][] = [
    ["loss per token", ({ lossPerToken }) => nats(lossPerToken)],
    ["words a caption", ({ statistics }) => statistics.meanLength.toFixed(1)],
    ["different captions", ({ statistics }) => share(statistics.distinctCaptions)],
    ["different words", ({ statistics }) => String(statistics.distinctWords)],
    [
      "copies of training captions",
      ({ statistics: { novelty } }) => (novelty === undefined ? "–" : share(1 - novelty)),
    ],
    ["million parameters", ({ model }) => (model.parameterCount / 1e6).toFixed(1)],
  ];
  return rows.map(
    ([name, value]) => html`<tr><th scope="row">${name}</th>${runs.map((run) => html`<td>${value(run)}</td>`)}</tr>`,
  );
}
