import { type Html, html } from "../../render/html.js";
import { compact, nats, score } from "../format.js";
import { lineChart } from "../line-chart.js";
import type { ReportData } from "../report-data.js";
import { section } from "./section.js";

/** Losses, dev scores and the learning rate of the first run, epoch by epoch. */
export function learningCurves({ runs }: ReportData): Html | undefined {
  const { epochs, model } = runs[0]!;
  if (epochs.length === 0) return undefined;
  const curve = (name: string, of: (epoch: (typeof epochs)[number]) => number) => ({
    name,
    points: epochs.map((epoch) => ({ x: epoch.epoch, y: of(epoch) })),
  });
  const best = epochs.findLast((epoch) => epoch.best)?.epoch ?? model.epoch;
  const mark = best === undefined ? undefined : { x: best, name: `best: epoch ${best}` };
  const scoreNames = [...new Set(epochs.flatMap(({ devScores }) => Object.keys(devScores ?? {})))];
  const last = epochs.at(-1)!;
  // Self-critical training weights each caption by its reward: that sum is no loss to draw beside dev loss.
  const isSelfCritical = epochs.some(({ sampled }) => sampled !== undefined);
  const charts = [
    lineChart({
      title: isSelfCritical ? "Dev loss per token" : "Loss per token",
      description: isSelfCritical
        ? `Dev loss by epoch; after epoch ${last.epoch} ${nats(last.devLossPerToken)}.`
        : `Train and dev loss by epoch; after epoch ${last.epoch} ${nats(last.trainLossPerToken)} and ${nats(last.devLossPerToken)}.`,
      xLabel: "epoch",
      yLabel: "nats",
      series: [
        ...(isSelfCritical ? [] : [curve("train (dropout and smoothing on)", (epoch) => epoch.trainLossPerToken)]),
        curve("dev", (epoch) => epoch.devLossPerToken),
      ],
      format: (value) => value.toFixed(2),
      mark,
    }),
    isSelfCritical &&
      lineChart({
        title: "Reward of the captions drawn",
        description: `Mean reward by epoch; ${score(last.sampled?.reward ?? Number.NaN)} at the end.`,
        xLabel: "epoch",
        yLabel: "reward × 100",
        series: [curve("reward", ({ sampled }) => sampled?.reward ?? Number.NaN)],
        format: score,
        mark,
      }),
    ...(scoreNames.length === 0
      ? []
      : [
          lineChart({
            title: "Scores of dev captions",
            description: `Dev scores by epoch: ${scoreNames.map((name) => `${name} ${score(last.devScores?.[name] ?? Number.NaN)}`).join(", ")} at the end.`,
            xLabel: "epoch",
            yLabel: "score × 100",
            series: scoreNames.map((name) => curve(name, ({ devScores }) => devScores?.[name] ?? Number.NaN)),
            format: score,
            mark,
          }),
        ]),
    lineChart({
      title: "Learning rate",
      description: "Learning rate of each epoch's last update.",
      xLabel: "epoch",
      series: [curve("learning rate", (epoch) => epoch.learningRate)],
      format: compact,
      fromZero: true,
    }),
  ];
  return section({
    id: "curves",
    title: "Learning curves",
    lead: `The dashed line is the epoch whose checkpoint this report is about${best === undefined ? "" : ` (${best})`}. ${isSelfCritical ? "The run was trained on rewards, so there is no train loss." : "Train loss is measured while training, dev loss after the epoch with the weights that would be kept."}`,
    body: html`<div class="charts">${charts}</div>`,
  });
}
