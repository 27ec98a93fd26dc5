import { type Html, html } from "../../render/html.js";
import { count, probability, score } from "../format.js";
import type { ReportData, ReportedCaption, ReportPictures } from "../report-data.js";
import { scrolling, section, shortMetrics } from "./section.js";

/** All captions. The script at the end of the page makes its columns sortable. */
export function captionTable({ captions, metrics }: ReportData, pictures: ReportPictures): Html {
  const columns = shortMetrics(metrics);
  const rows = captions.map((caption) => {
    const figures = columns.map(({ key }) => score(caption.scores[key]!));
    return html`<tr><td>${thumbnail(caption, pictures)}</td><td>${words(caption)}</td>${figures.map((value) => html`<td>${value}</td>`)}<td>${probability(caption.confidence)}</td><td>${caption.nearest === undefined ? "–" : caption.nearest.edits}</td></tr>
`;
  });
  const table = html`<table class="numbers captions" data-sortable>
<thead><tr><th scope="col" class="nosort">photo</th><th scope="col" data-sort="text">caption</th>${columns.map(({ name }) => html`<th scope="col" data-sort="number">${name}</th>`)}<th scope="col" data-sort="number">confidence</th><th scope="col" data-sort="number">edits</th></tr></thead>
<tbody>${rows}</tbody></table>`;
  return section({
    id: "captions",
    title: "All captions",
    lead: html`${count(captions.length)} captions in the order of the dataset.<span class="script-only"> A click on a column sorts by it.</span> <em>Edits</em> are words to change until it is a caption from training; 0 is a copy.`,
    body: scrolling("All captions", table),
  });
}

function thumbnail({ id }: ReportedCaption, { small }: ReportPictures): Html {
  const picture = small.get(id);
  if (!picture) return html`<span class="soft">no photo</span>`;
  const { url, width, height } = picture;
  return html`<img src="${url}" width="${width}" height="${height}" alt="Photo ${id}" loading="lazy" decoding="async">`;
}

function words({ id, caption, references }: ReportedCaption): Html {
  return html`<span class="text">${caption}</span><details><summary>references</summary><ul class="references">${references.map((reference) => html`<li>${reference}</li>`)}</ul><p class="soft id">${id}</p></details>`;
}
