import { createHash } from "node:crypto";
import { type Content, type Html, html, trusted } from "../render/html.js";
import type { ReportData, ReportPictures } from "./report-data.js";
import { captionTable } from "./sections/caption-table.js";
import { comparison } from "./sections/comparison.js";
import { exposure } from "./sections/exposure.js";
import { galleries, photoDefinitions } from "./sections/gallery.js";
import { language } from "./sections/language.js";
import { learningCurves } from "./sections/learning-curves.js";
import { overview } from "./sections/overview.js";
import { recipe } from "./sections/recipe.js";
import { scores } from "./sections/scores.js";
import { SORT_SCRIPT } from "./sort-script.js";
import { STYLE } from "./style.js";

/**
 * The whole report as one HTML file: no other file, no network (the content security policy forbids any), no script but the one that sorts. The same data
 * gives the same bytes.
 */
export function reportPage(data: ReportData, pictures: ReportPictures): string {
  const { runs, dataset } = data;
  const title = `${runs.map(({ name }) => name).join(", ")} on ${dataset.name} ${dataset.split}`;
  const sections: Content = [
    overview(data),
    comparison(data),
    learningCurves(data),
    scores(data),
    exposure(data),
    galleries(data, pictures),
    language(data),
    recipe(data),
    captionTable(data, pictures),
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
${photoDefinitions(pictures)}<header>
<h1>${title}</h1>
${navigation(data)}
</header>
<main>
${sections}</main>
<script>${trusted(SORT_SCRIPT)}</script>
</body>
</html>
`;
  return page.markup;
}

function navigation({ runs, shown }: ReportData): Html {
  const links: (readonly [string, string] | false)[] = [
    runs.length > 1 && ["comparison", "Comparison"],
    runs[0]!.epochs.length > 0 && ["curves", "Learning curves"],
    ["scores", "Scores"],
    ["exposure", "Teacher forcing"],
    shown.sample.length > 0 && ["sample", "Sample"],
    shown.best.length > 0 && ["best", "Best"],
    shown.worst.length > 0 && ["worst", "Worst"],
    shown.uncertain.length > 0 && ["uncertain", "Uncertain"],
    ["language", "Words"],
    runs.some((run) => run.recipe.length > 0) && ["recipe", "Recipe"],
    ["captions", "All captions"],
  ];
  return html`<nav aria-label="Sections"><ul>${links.map((link) => link && html`<li><a href="#${link[0]}">${link[1]}</a></li>`)}</ul></nav>`;
}

/** Nothing from outside the file, and no script but ours. */
function contentPolicy(): string {
  const scriptHash = createHash("sha256").update(SORT_SCRIPT).digest("base64");
  return `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`;
}
