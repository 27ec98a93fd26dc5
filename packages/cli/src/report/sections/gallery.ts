import { type Content, type Html, html } from "../../render/html.js";
import { plural, probability, score } from "../format.js";
import type { Picture, ReportData, ReportedCaption, ReportPictures, ShownList } from "../report-data.js";
import { section, shortMetrics } from "./section.js";

const LISTS: readonly { readonly list: ShownList; readonly title: string; readonly lead: string }[] = [
  {
    list: "sample",
    title: "A fair sample",
    lead: "Drawn at random, always the same photos of a dataset: what to expect. The lists that follow are extremes.",
  },
  { list: "best", title: "Best captions", lead: "Highest CIDEr-D." },
  {
    list: "worst",
    title: "Worst captions",
    lead: "Lowest CIDEr-D; of equal ones those the model was surest of come first. A low score is no proof of a wrong caption: look.",
  },
  {
    list: "uncertain",
    title: "Most uncertain captions",
    lead: "Lowest confidence: the geometric mean of the probabilities the model gave to its words.",
  },
];

export function galleries(data: ReportData, pictures: ReportPictures): Content {
  const byId = new Map(data.captions.map((caption) => [caption.id, caption]));
  return LISTS.map(({ list, title, lead }) => {
    const ids = data.shown[list];
    if (ids.length === 0) return undefined;
    // One is open from the start, to show what there is.
    const cards = ids.map((id, i) => card(byId.get(id)!, data, pictures, list === "sample" && i === 0));
    return section({
      id: list,
      title,
      lead: list === "sample" ? `${lead} ${wordsLead(pictures)}` : lead,
      body: html`<div class="cards">${cards}</div>`,
    });
  });
}

/** What stands below each card's "word by word". */
function wordsLead({ shades }: ReportPictures): string {
  const probabilities = "Word by word, the bar and the number are the probability the model gave to the word";
  const hasShades = [...shades.values()].some((list) => list.length > 0);
  if (!hasShades) return `${probabilities}.`;
  return `${probabilities}; the photo is the darker the less of the attention went there, and the peak is the share of attention that its brightest cell got.`;
}

/** Every photo that is shown large, once; the cards and the shaded copies refer to it. */
export function photoDefinitions({ large }: ReportPictures): Html {
  return html`<svg class="definitions" width="0" height="0" aria-hidden="true"><defs>${[...large].map(
    ([id, { url, width, height }]) =>
      html`<image id="${photoId(id)}" width="${width}" height="${height}" href="${url}"/>`,
  )}</defs></svg>
`;
}

function card(
  caption: ReportedCaption,
  { runs, metrics }: ReportData,
  pictures: ReportPictures,
  isOpen: boolean,
): Html {
  const { id, references, nearest, others, scores, confidence } = caption;
  const picture = pictures.large.get(id);
  const figures = shortMetrics(metrics).map(({ key, name }) => [name, score(scores[key]!)] as const);
  return html`<article class="card">
${picture ? photo(id, picture, references[0] ?? id) : html`<p class="no-photo">The photo is not there.</p>`}
<div>
<h3>${caption.caption}${nearest?.edits === 0 && html` <span class="badge">copy</span>`}</h3>
<dl class="figures">${[...figures, ["confidence", probability(confidence)] as const].map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<ul class="references" aria-label="References">${references.map((reference) => html`<li>${reference}</li>`)}</ul>
${nearest && nearest.edits > 0 && html`<p class="soft">Nearest training caption, ${plural(nearest.edits, "word")} to change: ${nearest.caption}</p>`}
${nearest?.edits === 0 && html`<p class="soft">Word for word a training caption.</p>`}
${others.map((other, i) => html`<p class="soft"><strong>${runs[i + 1]!.name}</strong>: ${other}</p>`)}
<p class="soft id">${id}</p>
${wordByWord(caption, picture, pictures, isOpen)}
</div>
</article>
`;
}

function wordByWord(
  { id, words }: ReportedCaption,
  picture: Picture | undefined,
  pictures: ReportPictures,
  isOpen: boolean,
): Html {
  const shades = pictures.shades.get(id) ?? [];
  const isShaded = picture !== undefined && shades.length > 0;
  const tiles = words.map(({ word, probability: value, attention }, i) => {
    const peak = attention && Math.max(...attention);
    const shade = shades[i];
    return html`<li>${shade !== undefined && picture && shadedPhoto(id, picture, shade, pictures.attendedRegion)}<span class="word">${word}</span><span class="bar" aria-hidden="true"><i style="width:${Math.round(100 * value)}%"></i></span><span class="soft">${probability(value)}${peak !== undefined && html`<span class="peak">, peak ${Math.round(100 * peak)} %</span>`}</span></li>`;
  });
  return html`<details class="words"${isOpen && html` open`}><summary>${isShaded ? "Where it looked, word by word" : "Word by word"}</summary><ol class="${isShaded ? "tiles-photo" : "tiles-word"}">${tiles}</ol></details>`;
}

function photo(id: string, { width, height }: Picture, alternative: string): Html {
  return html`<svg class="photo" viewBox="0 0 ${width} ${height}" role="img" aria-label="Photo: ${alternative}"><use href="#${photoId(id)}"/></svg>`;
}

function shadedPhoto(id: string, { width, height }: Picture, shade: string, region: "whole" | "square"): Html {
  const side = Math.min(width, height);
  const [w, h] = region === "whole" ? [width, height] : [side, side];
  return html`<svg viewBox="0 0 ${width} ${height}" aria-hidden="true"><use href="#${photoId(id)}"/><image href="${shade}" x="${(width - w) / 2}" y="${(height - h) / 2}" width="${w}" height="${h}" preserveAspectRatio="none"/></svg>`;
}

/** Ids of photos may be anything; those of elements are used in references. */
function photoId(id: string): string {
  return `photo-${Buffer.from(id, "utf8").toString("base64url")}`;
}
