import { describe, expect, it } from "vitest";
import { VIEWS, type View } from "../features/feature-source.js";
import { CLOSER_SIDE, viewsOfPixels } from "./view-pixels.js";

const SIZE = 20;

/** Grey by the pixel's place. `[SIZE, SIZE, 3]` */
function pixelsOf(grey: (row: number, column: number) => number): Uint8Array {
  return Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    return grey(Math.floor(pixel / SIZE), pixel % SIZE);
  });
}

const viewPixels = (pixels: Uint8Array, view: View, size: number, filter: "cubic" | "nearest") =>
  viewsOfPixels(pixels, [view], size, filter).get(view)!;

describe("viewsOfPixels", () => {
  it("gives the plain view as it came", () => {
    const pixels = pixelsOf((row, column) => row * column);
    expect(viewPixels(pixels, "plain", SIZE, "cubic")).toBe(pixels);
  });

  it("swaps left and right, pixel by pixel", () => {
    const pixels = Uint8Array.from({ length: 12 }, (_, index) => index);
    expect([...viewPixels(pixels, "mirrored", 2, "cubic")]).toEqual([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
  });

  it.each(["cubic", "nearest"] as const)("enlarges the middle and leaves out the border (%s)", (filter) => {
    const margin = Math.round((SIZE * (1 - CLOSER_SIDE)) / 2);
    const isBorder = (place: number) => place < margin || place >= SIZE - margin;
    const framed = pixelsOf((row, column) => (isBorder(row) || isBorder(column) ? 255 : 100));
    expect(new Set(viewPixels(framed, "closer", SIZE, filter))).toEqual(new Set([100]));
    // A dot in the middle stays there and grows.
    const dot = pixelsOf((row, column) => (Math.abs(row - 9.5) < 3 && Math.abs(column - 9.5) < 3 ? 200 : 0));
    const sum = (pixels: Uint8Array) => pixels.reduce((total, value) => total + value, 0);
    const closer = viewPixels(dot, "closer", SIZE, filter);
    expect(sum(closer)).toBeGreaterThan(1.15 * sum(dot));
    expect(viewPixels(closer, "mirrored", SIZE, filter)).toEqual(closer);
  });

  it("mirrors the closer view", () => {
    const slope = pixelsOf((_, column) => 10 * column);
    const closer = viewPixels(slope, "closer", SIZE, "cubic");
    expect(viewPixels(slope, "closer-mirrored", SIZE, "cubic")).toEqual(viewPixels(closer, "mirrored", SIZE, "cubic"));
    expect(closer[0]).toBeGreaterThan(slope[0]!);
  });

  it("gives together what it gives one by one, in the order asked for", () => {
    const pixels = pixelsOf((row, column) => (row * 7 + column * 13) % 256);
    const order = [...VIEWS].reverse();
    const together = viewsOfPixels(pixels, order, SIZE, "cubic");
    expect([...together]).toEqual(order.map((view) => [view, viewPixels(pixels, view, SIZE, "cubic")]));
    expect(viewsOfPixels(pixels, [], SIZE, "cubic").size).toBe(0);
  });
});
