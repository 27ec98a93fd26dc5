import { describe, expect, it } from "vitest";
import { packBatch } from "./packed-batch.js";

describe("packBatch", () => {
  const batch = {
    features: { pooled: { shape: [2, 1], data: new Float32Array(2) } },
    imageOfRow: Int32Array.of(1, 0, 1),
    batchSize: 3,
    timeSteps: 4,
    tokenIds: Int32Array.from(
      [
        [5, 2, 0, 0],
        [6, 7, 2, 0],
        [8, 2, 0, 0],
      ].flat(),
    ),
    lengths: Int32Array.of(2, 3, 2),
    labelSmoothing: 0,
    dropoutSeed: 0,
  };

  it("lays running captions out step by step, the longest first, without padding", () => {
    const packed = packBatch(batch);
    expect(packed.rowsOfStep).toEqual([3, 3, 1]);
    expect([...packed.originalRow]).toEqual([1, 0, 2]);
    expect([...packed.imageOfCaption]).toEqual([0, 1, 1]);
    expect([...packed.imageOfPosition]).toEqual([0, 1, 1, 0, 1, 1, 0]);
    expect([...packed.inputIds]).toEqual([1, 1, 1, 6, 5, 8, 7]);
    expect([...packed.targetIds]).toEqual([6, 5, 8, 7, 2, 2, 2]);
    expect([...packed.weights]).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it("takes the weights of tokens along", () => {
    const tokenWeights = Float32Array.from({ length: 12 }, (_, cell) => cell);
    expect([...packBatch({ ...batch, tokenWeights }).weights]).toEqual([4, 0, 8, 5, 1, 9, 6]);
  });
});
