import { describe, expect, it } from "vitest";
import { decodeFloat16, encodeFloat16 } from "./float16.js";

const halfOf = (value: number) => encodeFloat16(Float32Array.of(value))[0]!;

describe("float16", () => {
  it("returns every half that is not NaN to itself", () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, half) => half).filter(
      (half) => (half & 0x7c00) !== 0x7c00 || (half & 0x3ff) === 0,
    );
    expect(encodeFloat16(decodeFloat16(halves))).toEqual(halves);
  });

  it("knows the landmarks of the format", () => {
    expect(halfOf(1)).toBe(0x3c00);
    expect(halfOf(-2)).toBe(0xc000);
    expect(halfOf(65_504)).toBe(0x7bff);
    expect(halfOf(2 ** -24)).toBe(0x0001);
    expect(halfOf(2 ** -14)).toBe(0x0400);
    expect(Number.isNaN(decodeFloat16(Uint16Array.of(halfOf(Number.NaN)))[0]!)).toBe(true);
  });

  it("rounds ties to even and overflows to infinity", () => {
    expect(halfOf(1 + 2 ** -11)).toBe(0x3c00);
    expect(halfOf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(halfOf(2 ** -25)).toBe(0);
    expect(halfOf(3 * 2 ** -25)).toBe(2);
    expect(halfOf(65_519)).toBe(0x7bff);
    expect(halfOf(65_520)).toBe(0x7c00);
    expect(halfOf(-1e30)).toBe(0xfc00);
  });

  it("is within half a unit in the last place", () => {
    for (let i = 0; i < 2000; i++) {
      const value = Math.fround((i - 1000) * 0.037 + 0.001);
      const back = decodeFloat16(Uint16Array.of(halfOf(value)))[0]!;
      expect(Math.abs(back - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11);
    }
  });
});
