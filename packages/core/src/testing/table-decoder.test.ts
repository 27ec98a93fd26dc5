import { describe, expect, it } from "vitest";
import { DisposedError, OptionError, ShapeError } from "../errors.js";
import { TableDecoder, tableFeatures } from "./table-decoder.js";

const VOCAB_SIZE = 6;
const START = 1;

/** Says which image and prefix it was asked for. */
const decoder = () =>
  new TableDecoder({
    vocabSize: VOCAB_SIZE,
    logits: (prefix, image) => [image, prefix.length, prefix.at(-1) ?? 0, 0, 0, 0],
  });

describe("TableDecoder", () => {
  it("follows each row's image and prefix through steps and gathers", async () => {
    const table = decoder();
    const state = await table.start(tableFeatures([7, 8]));
    expect(Array.from((await table.step(state, Int32Array.of(START, START))).data.subarray(0, 2))).toEqual([7, 0]);
    await table.gatherRows(state, Int32Array.of(1, 1, 0));
    const { shape, data } = await table.step(state, Int32Array.of(4, 5, 3));
    expect(shape).toEqual([3, VOCAB_SIZE]);
    expect([0, 1, 2].map((row) => Array.from(data.subarray(row * VOCAB_SIZE, row * VOCAB_SIZE + 3)))).toEqual([
      [8, 1, 4],
      [8, 1, 5],
      [7, 1, 3],
    ]);
    expect(table.rowsOfSteps).toEqual([2, 3]);
    expect(table.openStates).toBe(1);
    state.dispose();
    state.dispose();
    expect(table.openStates).toBe(0);
  });

  it("insists on the contract", async () => {
    const table = decoder();
    const state = await table.start(tableFeatures([7]));
    await expect(table.step(state, Int32Array.of(4))).rejects.toThrow(OptionError);
    await expect(table.step(state, Int32Array.of(START, START))).rejects.toThrow(ShapeError);
    await expect(table.gatherRows(state, Int32Array.of(1))).rejects.toThrow(ShapeError);
    await expect(table.readAttention(state)).rejects.toThrow(OptionError);
    await expect(table.step({ rows: 1, dispose() {} }, Int32Array.of(START))).rejects.toThrow(ShapeError);
    await expect(table.start(tableFeatures([7], 3))).rejects.toThrow(ShapeError);
    state.dispose();
    await expect(table.step(state, Int32Array.of(START))).rejects.toThrow(DisposedError);
    table.dispose();
    await expect(table.start(tableFeatures([7]))).rejects.toThrow(DisposedError);
  });
});
