import type { Interval } from "@showtell/eval";
import { type Html, html } from "../render/html.js";
import { CHART_WIDTH, type ChartText, chartFigure, PLOT, round, roundNumbers, tickLabels } from "./chart-frame.js";

export interface IntervalChart extends Omit<ChartText, "yLabel"> {
  readonly rows: readonly { readonly name: string; readonly value: number; readonly interval: Interval }[];
  readonly format: (value: number) => string;
}

const ROW_HEIGHT = 38;
const LEFT = 12;

/** A dot and its interval a row, the name above. */
export function intervalChart(chart: IntervalChart): Html {
  const { rows, format } = chart;
  const ends = rows.flatMap(({ interval }) => [interval.low, interval.high]);
  const ticks = roundNumbers(Math.min(...ends), Math.max(...ends), 6);
  const [first, last] = [ticks[0]!, ticks.at(-1)!];
  const x = (value: number) => round(LEFT + ((value - first) / (last - first)) * (PLOT.right - LEFT));
  const labels = tickLabels(ticks, format);
  const bottom = rows.length * ROW_HEIGHT + 8;
  const body = html`<g class="axis">${ticks.map(
    (tick, i) =>
      html`<path d="M${x(tick)} 4V${bottom}"/><text x="${x(tick)}" y="${bottom + 15}" text-anchor="middle">${labels[i]}</text>`,
  )}<text x="${CHART_WIDTH / 2}" y="${bottom + 32}" text-anchor="middle">${chart.xLabel}</text></g>
${rows.map(({ name, value, interval }, i) => {
  const y = i * ROW_HEIGHT + 28;
  return html`<text class="row" x="${LEFT}" y="${y - 10}">${name}</text><g class="series s${i % 6} whisker"><path d="M${x(interval.low)} ${y}H${x(interval.high)}"/><circle cx="${x(value)}" cy="${y}" r="4.5"><title>${`${name}: ${format(value)}`}</title></circle></g>`;
})}`;
  const table = {
    header: ["run", chart.xLabel, "95 % interval"],
    rows: rows.map(({ name, value, interval }) => [
      name,
      format(value),
      `${format(interval.low)} – ${format(interval.high)}`,
    ]),
  };
  return chartFigure(chart, { body, kind: "lines", height: bottom + 38 }, [], table);
}
