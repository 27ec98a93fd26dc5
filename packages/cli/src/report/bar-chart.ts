import { type Html, html } from "../render/html.js";
import { axes, type ChartText, chartFigure, PLOT, round, verticalScale } from "./chart-frame.js";

export interface BarChart extends ChartText {
  readonly categories: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly format: (value: number) => string;
}

/** Of an axis label, about. */
const LETTER_WIDTH = 5.8;

/** Bars from zero, those of one category side by side. */
export function barChart(chart: BarChart): Html {
  const { categories, series, format } = chart;
  const y = verticalScale(
    series.flatMap(({ values }) => values),
    true,
  );
  const slot = (PLOT.right - PLOT.left) / Math.max(1, categories.length);
  const width = Math.min(28, (slot * 0.8) / series.length);
  const labelEvery = Math.ceil((longest(categories) * LETTER_WIDTH + 4) / slot);
  const middle = (i: number) => PLOT.left + (i + 0.5) * slot;
  const body = html`${axes(y, chart, format)}
${series.map(
  ({ name, values }, k) =>
    html`<g class="series s${k % 6}">${values.map((value, i) => {
      const left = middle(i) + (k - series.length / 2) * width;
      const top = y.at(value);
      return html`<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(y.at(0) - top)}"><title>${`${name}, ${categories[i]!}: ${format(value)}`}</title></rect>`;
    })}</g>`,
)}
<g class="axis">${categories.map(
    (category, i) =>
      i % labelEvery === 0 &&
      html`<text x="${round(middle(i))}" y="${PLOT.bottom + 16}" text-anchor="middle">${category}</text>`,
  )}</g>`;
  const names = series.map(({ name }) => name);
  const rows = categories.map((category, i) => [category, ...series.map(({ values }) => format(values[i]!))]);
  return chartFigure(chart, { body, kind: "bars" }, names, { header: [chart.xLabel, ...names], rows });
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map(({ length }) => length));
}
