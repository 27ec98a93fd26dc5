import { dirname, relative, resolve, sep } from "node:path";
import type { CaptionWriter } from "./caption-writers.js";
import { escapeHtml } from "./html.js";

/** One photo of the page. */
export interface PageEntry {
  readonly image: string;
  /** The photo itself, so that the page needs no other file: a data URL, or a relative or absolute URL. */
  readonly source: string;
  readonly captions: readonly { readonly text: string; readonly confidence: number }[];
  /** Author and licence, where they must be named. */
  readonly credit?: string;
  readonly error?: string;
}

export interface Page {
  readonly title: string;
  readonly subtitle: string;
}

/** A static page with each photo beside its captions; no script, no network. Written as it comes: head, one figure an entry, foot. */
export function pageHead({ title, subtitle }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #888; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
.soft { color: var(--soft); font-size: 0.875rem; overflow-wrap: anywhere; }
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); margin-top: 1.5rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 0.5rem; overflow: hidden; }
img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: cover; }
figcaption { padding: 0.75rem 1rem; }
.caption { font-size: 1.125rem; }
ol { margin: 0.25rem 0; padding-left: 1.25rem; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${escapeHtml(subtitle)}</p>
<main>
`;
}

export const PAGE_FOOT = `</main>
</body>
</html>
`;

export function pageEntry({ image, source, captions, credit, error }: PageEntry): string {
  const [best, ...others] = captions;
  const picture =
    source === "" ? "" : `<img src="${escapeHtml(source)}" alt="${escapeHtml(best?.text ?? image)}" loading="lazy">\n`;
  const runnersUp =
    others.length === 0
      ? ""
      : `<ol start="2">${others.map(({ text }) => `<li>${escapeHtml(text)}</li>`).join("")}</ol>\n`;
  const headline = best
    ? `<div class="caption">${escapeHtml(best.text)}</div>\n${runnersUp}<div class="soft">confidence ${best.confidence.toFixed(2)}</div>`
    : `<div class="caption">${escapeHtml(error ?? "no caption")}</div>`;
  const creditLine = credit === undefined ? "" : `\n<div class="soft">${escapeHtml(credit)}</div>`;
  return `<figure>
${picture}<figcaption>
${headline}
<div class="soft">${escapeHtml(image)}</div>${creditLine}
</figcaption>
</figure>
`;
}

/** `caption --format html`: photos are linked where they lie, so a page of thousands stays small. */
export function pageWriter(title: string, subtitle: string, pagePath: string | undefined): CaptionWriter {
  const folder = pagePath === undefined ? process.cwd() : dirname(resolve(pagePath));
  return {
    begin: () => pageHead({ title, subtitle }),
    row: ({ image, captions = [], error }) =>
      pageEntry({ image, source: linkTo(image, folder), captions, ...(error !== undefined && { error }) }),
    end: () => PAGE_FOOT,
  };
}

function linkTo(image: string, folder: string): string {
  if (image === "-") return "";
  if (/^https?:\/\//i.test(image)) return image;
  return relative(folder, resolve(image)).split(sep).map(encodeURIComponent).join("/");
}
