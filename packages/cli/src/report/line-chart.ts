import { type Html, html } from "../render/html.js";
import { axes, type ChartText, chartFigure, PLOT, round, verticalScale, wholeScale } from "./chart-frame.js";

export interface Series {
  readonly name: string;
  /** x are whole numbers, ascending; y that are not finite are left out. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart extends ChartText {
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** A vertical line at one x. */
  readonly mark?: { readonly x: number; readonly name: string } | undefined;
  readonly fromZero?: boolean;
}

export function lineChart(chart: LineChart): Html {
  const { series, format, mark, fromZero = false } = chart;
  const shown = series.map(({ name, points }) => ({ name, points: points.filter(({ y }) => Number.isFinite(y)) }));
  const all = shown.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(({ x }) => x))].sort((a, b) => a - b);
  const x = wholeScale(xs[0] ?? 0, xs.at(-1) ?? 1);
  const y = verticalScale(
    all.map((point) => point.y),
    fromZero,
  );
  const body = html`${axes(y, chart, format)}
<g class="axis">${x.ticks.map((tick) => html`<text x="${round(x.at(tick))}" y="${PLOT.bottom + 16}" text-anchor="middle">${tick}</text>`)}</g>
${mark && html`<path class="mark" d="M${round(x.at(mark.x))} ${PLOT.top}V${PLOT.bottom}"><title>${mark.name}</title></path>`}
${shown.map(({ points }, i) => {
  const places = points.map((point) => `${round(x.at(point.x))} ${round(y.at(point.y))}`);
  const dots = points.length <= 30 ? points : [];
  return html`<g class="series s${i % 6}"><path d="${places.length > 0 && `M${places.join("L")}`}"/>${dots.map(
    (point) =>
      html`<circle cx="${round(x.at(point.x))}" cy="${round(y.at(point.y))}" r="2.5"><title>${`${series[i]!.name}, ${chart.xLabel} ${point.x}: ${format(point.y)}`}</title></circle>`,
  )}</g>`;
})}`;
  const names = shown.map(({ name }) => name);
  const rows = xs.map((value) => [
    String(value),
    ...shown.map(({ points }) => {
      const point = points.find((candidate) => candidate.x === value);
      return point ? format(point.y) : "–";
    }),
  ]);
  return chartFigure(chart, { body, kind: "lines" }, names, { header: [chart.xLabel, ...names], rows });
}
