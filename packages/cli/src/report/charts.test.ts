import { describe, expect, it } from "vitest";
import { barChart } from "./bar-chart.js";
import { roundNumbers, tickLabels, wholeScale } from "./chart-frame.js";
import { lineChart } from "./line-chart.js";

const TEXT = { title: "A title", description: "what is to be seen", xLabel: "epoch", yLabel: "nats" };
const format = (value: number) => value.toFixed(2);

describe("ticks", () => {
  it("are round numbers that enclose the values", () => {
    expect(roundNumbers(2.48, 4.4, 5)).toEqual([2, 2.5, 3, 3.5, 4, 4.5]);
    expect(roundNumbers(0, 0.00098, 5)).toEqual([0, 0.0002, 0.0004, 0.0006, 0.0008, 0.001]);
    expect(roundNumbers(-3, 3, 3)).toEqual([-4, -2, 0, 2, 4]);
    expect(roundNumbers(7, 7, 5).length).toBeGreaterThan(1);
    expect(roundNumbers(0, 0, 5).length).toBeGreaterThan(1);
  });

  it("of epochs are whole numbers", () => {
    expect(wholeScale(1, 9).ticks).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(wholeScale(1, 100).ticks).toEqual([20, 40, 60, 80, 100]);
    expect(wholeScale(3, 3).ticks).toEqual([3]);
  });

  it("lose decimals that are zero in all of them", () => {
    expect(tickLabels([0, 1, 2], format)).toEqual(["0", "1", "2"]);
    expect(tickLabels([0, 0.5, 1], format)).toEqual(["0.0", "0.5", "1.0"]);
    expect(tickLabels([10, 20], (value) => `${value}`)).toEqual(["10", "20"]);
  });
});

describe("a line chart", () => {
  it("puts higher values higher, and every value into its table", () => {
    const points = [
      { x: 1, y: 1 },
      { x: 2, y: 3 },
    ];
    const { markup } = lineChart({ ...TEXT, series: [{ name: "dev", points }], format });
    const [, x1, y1, x2, y2] = markup.match(/M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/)!.map(Number);
    expect(x1).toBeLessThan(x2!);
    expect(y1).toBeGreaterThan(y2!);
    expect(markup).toContain('<th scope="row">2</th><td>3.00</td>');
  });

  it("leaves out values that are no numbers, and can be empty", () => {
    const points = [
      { x: 1, y: Number.NaN },
      { x: 2, y: 3 },
    ];
    const series = [
      { name: "train", points },
      { name: "dev", points: [{ x: 1, y: 2 }] },
    ];
    const { markup } = lineChart({ ...TEXT, series, format });
    expect(markup).not.toContain("NaN");
    expect(markup).toContain('<th scope="row">1</th><td>–</td><td>2.00</td>');
    expect(lineChart({ ...TEXT, series: [{ name: "dev", points: [] }], format }).markup).not.toMatch(/NaN|Infinity/);
  });
});

describe("a bar chart", () => {
  it("draws heights in proportion, from zero", () => {
    const series = [{ name: "captions", values: [1, 2, 4] }];
    const { markup } = barChart({ ...TEXT, categories: ["a", "b", "c"], series, format });
    const heights = [...markup.matchAll(/<rect [^>]*height="([\d.]+)"><title>/g)].map(([, height]) => Number(height));
    expect(heights[1]! / heights[0]!).toBeCloseTo(2, 1);
    expect(heights[2]! / heights[0]!).toBeCloseTo(4, 1);
  });
});
