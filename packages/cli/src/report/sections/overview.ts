import { type Content, type Html, html } from "../../render/html.js";
import { count, date, nats, plural, score, share } from "../format.js";
import type { ReportData, ReportedModel } from "../report-data.js";
import { section } from "./section.js";

/** Title, the figures one looks for first, and where everything comes from. */
export function overview(data: ReportData): Html {
  const run = data.runs[0]!;
  const { statistics } = run;
  const [main] = headlineMetrics(data);
  const tiles: [string, string, Content][] = [
    ...(main ? [metricTile(data, main)] : []),
    ["loss per token", nats(run.lossPerToken), `teacher-forced, perplexity ${Math.exp(run.lossPerToken).toFixed(1)}`],
    ["different captions", share(statistics.distinctCaptions), `of ${count(statistics.captions)}`],
    ...(statistics.novelty === undefined || data.dataset.trainCaptions === 0
      ? []
      : [["copies of training captions", share(1 - statistics.novelty), "word for word"] as [string, string, string]]),
  ];
  const body = html`<dl class="tiles">${tiles.map(
    ([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`,
  )}</dl>
<dl class="facts">${facts(data).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`;
  return section({ id: "overview", title: "Overview", body });
}

/** CIDEr-D first, else whatever was measured. */
export function headlineMetrics({ metrics }: Pick<ReportData, "metrics">): ReportData["metrics"] {
  return [...metrics].sort((a, b) => Number(b.key === "CIDEr") - Number(a.key === "CIDEr"));
}

function metricTile({ runs }: ReportData, { key, name }: ReportData["metrics"][number]): [string, string, string] {
  const { scores, intervals } = runs[0]!;
  const interval = intervals[key];
  return [name, score(scores[key]!), interval ? `95 % between ${score(interval.low)} and ${score(interval.high)}` : ""];
}

function facts({ dataset, runs, versions, createdAt }: ReportData): [string, Content][] {
  const { model, path, epochs, plannedEpochs } = runs[0]!;
  const lost = dataset.withoutFeatures.length;
  return [
    ["Run", html`<code>${path}</code>`],
    ["Model", describeModel(model)],
    ["Image encoder", model.encoder],
    ["Checkpoint", describeCheckpoint(model.epoch, epochs.length, plannedEpochs)],
    ["Captions", Object.entries(model.decoding).map(([key, value], i) => `${i > 0 ? ", " : ""}${key} ${value}`)],
    [
      "Data",
      html`${dataset.name} (${dataset.format}), ${dataset.split} split: ${plural(dataset.images, "photo")} with ${plural(dataset.references, "reference")}; trained on ${plural(dataset.trainImages, "photo")} with ${plural(dataset.trainCaptions, "caption")}. sha256 <code>${dataset.sha256.slice(0, 12)}</code>`,
    ],
    ...(lost > 0 ? [["Left out", `${plural(lost, "photo")} without features`] as [string, string]] : []),
    ["Made", `${date(createdAt)} by showtell ${versions.showtell}, Node ${versions.node}, ${versions.backend}`],
  ];
}

function describeModel(model: ReportedModel): string {
  const attention =
    model.attentionHeads > 0 ? `attention with ${plural(model.attentionHeads, "head")}` : "no attention";
  return `LSTM, ${plural(model.layerCount, "layer")} of ${count(model.hiddenSize)}, embeddings of ${count(model.embeddingSize)}, ${attention}, ${count(model.vocabularySize)} words, ${(model.parameterCount / 1e6).toFixed(1)} million parameters`;
}

function describeCheckpoint(epoch: number | undefined, done: number, planned: number | undefined): string {
  const which = epoch === undefined ? "as it is" : `after epoch ${epoch}`;
  return planned === undefined || done === 0 ? which : `${which}; ${done} of ${planned} epochs trained`;
}
