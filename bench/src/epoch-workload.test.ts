import { expect, it } from "vitest";
import { drawEvenly } from "./epoch-workload.js";

const batchOf = (length: number) => ({ requests: [], imageOfRow: [0], captions: [new Array<number>(length).fill(4)] });
const lengthsOf = (batches: ReturnType<typeof drawEvenly>) => batches.map(({ captions }) => captions[0]!.length);

it("draws the same share of the batches at every length", () => {
  const batches = Array.from({ length: 40 }, (_, i) => batchOf(1 + ((i * 7) % 40)));
  expect(lengthsOf(drawEvenly(batches, 0.1))).toEqual([6, 16, 26, 36]);
  expect(lengthsOf(drawEvenly(batches, 1)).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  expect(drawEvenly(batches, 0.001)).toHaveLength(1);
});
