import { describe, expect, it } from "vitest";
import { decoderGoldenNames, readDecoderGolden } from "../testing/decoder-goldens.js";
import { philox4x32, writeDropoutMask } from "./dropout-mask.js";

describe("philox4x32", () => {
  // Known answers of the authors' Random123 library (kat_vectors, philox4x32-10).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("gives the known answer for counter %j", (counter, key, answer) => {
    const words = new Uint32Array(4);
    philox4x32(words, counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!);
    expect([...words]).toEqual(answer);
  });
});

describe("dropout masks", () => {
  it.each(decoderGoldenNames())("are those of the float64 goldens (%s)", (name) => {
    for (const { rate, position, mask } of readDecoderGolden(name).expected.dropoutMasks) {
      const [rows, columns] = mask.shape as [number, number];
      const own = new Float32Array(rows * columns);
      writeDropoutMask(own, 0, rows, columns, rate, position);
      expect(own).toEqual(mask.data);
    }
  });

  it("keep the share of values they promise", () => {
    const mask = new Float32Array(200 * 203);
    writeDropoutMask(mask, 0, 200, 203, 0.3, { seed: 1, site: "output", layer: 0, step: 0 });
    const kept = mask.filter((value) => value !== 0);
    expect(Math.abs(kept.length / mask.length - 0.7)).toBeLessThan(0.01);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.7)]));
  });
});
