import { type Content, type Html, html } from "../../render/html.js";
import type { ReportData } from "../report-data.js";

export interface Section {
  /** Of the anchor. */
  readonly id: string;
  readonly title: string;
  /** What is to be seen, in a sentence or two. */
  readonly lead?: Content;
  readonly body: Content;
}

export function section({ id, title, lead, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${lead !== undefined && html`<p class="lead">${lead}</p>`}
${body}
</section>
`;
}

/** A table that scrolls by itself where it is wider than the page. */
export function scrolling(label: string, table: Content): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}">${table}</div>`;
}

/** The metrics that mean something for a single caption, with names short enough for narrow columns. */
export function shortMetrics(metrics: ReportData["metrics"]): ReportData["metrics"] {
  return ["CIDEr", "METEOR"].flatMap((prefix) =>
    metrics
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key, name }) => ({ key, name: name.replace(/ \(.*/, "") })),
  );
}
