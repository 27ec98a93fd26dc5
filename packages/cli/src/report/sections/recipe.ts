import { type Html, html } from "../../render/html.js";
import type { ReportData } from "../report-data.js";
import { scrolling, section } from "./section.js";

/** Every key of the recipes. Keys that say what is the default anyway are pale, keys in which runs differ are marked. */
export function recipe({ runs }: ReportData): Html | undefined {
  const withRecipe = runs.filter((run) => run.recipe.length > 0);
  if (withRecipe.length === 0) return undefined;
  const paths = [...new Set(withRecipe.flatMap((run) => run.recipe.map(({ path }) => path)))];
  const maps = withRecipe.map((run) => new Map(run.recipe.map((key) => [key.path, key])));
  const rows = paths.map((path) => {
    const keys = maps.map((map) => map.get(path));
    const differs = new Set(keys.map((key) => JSON.stringify(key?.value))).size > 1;
    const isDefault = keys.every((key) => key === undefined || key.isDefault);
    return html`<tr class="${differs ? "differs" : isDefault ? "default" : ""}"><th scope="row"><code>${path}</code></th>${keys.map(
      (key) =>
        html`<td>${key === undefined ? "–" : String(key.value)}${key?.isDefault && html` <small>default</small>`}</td>`,
    )}</tr>`;
  });
  const table = html`<table>
<thead><tr><th scope="col">key</th>${withRecipe.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table>`;
  const chosen = withRecipe[0]!.recipe.filter(({ isDefault }) => !isDefault).length;
  return section({
    id: "recipe",
    title: "Recipe",
    lead: `${chosen} of ${withRecipe[0]!.recipe.length} keys differ from the defaults.${withRecipe.length > 1 ? " Keys in which the runs differ are marked." : ""}`,
    body: html`<details><summary>All keys</summary>${scrolling("Recipe", table)}</details>`,
  });
}
