import { type Content, type Html, html } from "../render/html.js";

/** Drawn at this size and scaled by little, so that text stays readable on a phone and on a desk. */
export const CHART_WIDTH = 360;
const CHART_HEIGHT = 230;
const MARGIN = { left: 54, right: 12, top: 10, bottom: 38 };

export interface Scale {
  readonly ticks: readonly number[];
  /** From a value to a coordinate. */
  readonly at: (value: number) => number;
}

export const PLOT = {
  left: MARGIN.left,
  right: CHART_WIDTH - MARGIN.right,
  top: MARGIN.top,
  bottom: CHART_HEIGHT - MARGIN.bottom,
} as const;

/** A scale over these values, widened to round numbers. */
export function verticalScale(values: readonly number[], fromZero: boolean): Scale {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite, fromZero ? 0 : Number.POSITIVE_INFINITY);
  const high = Math.max(...finite, fromZero ? 0 : Number.NEGATIVE_INFINITY);
  const ticks = finite.length === 0 ? [0, 1] : roundNumbers(low, high, 5);
  const [first, last] = [ticks[0]!, ticks.at(-1)!];
  return { ticks, at: (value) => PLOT.bottom - ((value - first) / (last - first)) * (PLOT.bottom - PLOT.top) };
}

/** A scale over whole numbers such as epochs, not widened. */
export function wholeScale(low: number, high: number): Scale {
  const span = Math.max(1, high - low);
  const step = Math.max(1, roundStep(span / 8));
  const first = Math.ceil(low / step) * step;
  const ticks = Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, i) => first + i * step);
  return { ticks, at: (value) => PLOT.left + 8 + ((value - low) / span) * (PLOT.right - PLOT.left - 16) };
}

/** Numbers a round step apart that enclose the range. */
export function roundNumbers(low: number, high: number, most: number): number[] {
  const step = roundStep((high - low || Math.abs(high) || 1) / most);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** 1, 2 or 5 times a power of ten, not below the size asked for. */
function roundStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * ([1, 2, 5].find((factor) => factor * power >= size * (1 - 1e-9)) ?? 10);
}

export interface ChartText {
  readonly title: string;
  /** One sentence with what the picture shows, for those who cannot see it. */
  readonly description: string;
  readonly xLabel: string;
  /** Left out where the title says it all. */
  readonly yLabel?: string;
}

export interface FigureTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The figure around a drawing: title, legend, and the numbers behind it. */
export function chartFigure(
  text: Pick<ChartText, "title" | "description">,
  drawing: { readonly body: Content; readonly kind: "lines" | "bars"; readonly height?: number },
  legend: readonly string[],
  table: FigureTable,
): Html {
  const { body, kind, height = CHART_HEIGHT } = drawing;
  return html`<figure class="chart ${kind}">
<figcaption>${text.title}</figcaption>
<svg viewBox="0 0 ${CHART_WIDTH} ${height}" role="img" aria-label="${text.description}">${body}</svg>
${legend.length > 1 && legendOf(legend)}
<details><summary>Numbers</summary><div class="scroll" tabindex="0" role="region" aria-label="Numbers: ${text.title}"><table class="numbers">
<thead><tr>${table.header.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${table.rows.map(([first, ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div></details>
</figure>
`;
}

function legendOf(names: readonly string[]): Html {
  return html`<ul class="legend">${names.map(
    (name, i) =>
      html`<li><svg viewBox="0 0 26 10" width="26" height="10" aria-hidden="true" class="series s${i % 6}"><path d="M1 5h24"/><rect x="1" y="2" width="24" height="6"/></svg>${name}</li>`,
  )}</ul>`;
}

/** Horizontal lines with their values, and the names of both axes. */
export function axes(y: Scale, text: ChartText, format: (value: number) => string): Html {
  const middle = (PLOT.left + PLOT.right) / 2;
  const labels = tickLabels(y.ticks, format);
  return html`<g class="axis">${y.ticks.map(
    (tick, i) =>
      html`<path d="M${PLOT.left} ${round(y.at(tick))}H${PLOT.right}"/><text x="${PLOT.left - 5}" y="${round(y.at(tick) + 4)}" text-anchor="end">${labels[i]}</text>`,
  )}<text x="${middle}" y="${PLOT.bottom + 33}" text-anchor="middle">${text.xLabel}</text>
${text.yLabel !== undefined && html`<text transform="translate(11 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">${text.yLabel}</text>`}</g>`;
}

/** Ticks are round numbers: decimals that are zero in all of them go. */
export function tickLabels(ticks: readonly number[], format: (value: number) => string): string[] {
  const labels = ticks.map(format);
  while (labels.every((label) => /\.\d*0$/.test(label))) {
    labels.forEach((label, i) => {
      labels[i] = label.slice(0, -1).replace(/\.$/, "");
    });
  }
  return labels;
}

/** Coordinates need no more digits than a screen has. */
export function round(coordinate: number): number {
  return Math.round(coordinate * 10) / 10;
}
