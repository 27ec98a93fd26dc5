import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { drawOrthonormalBasis } from "./orthonormal-basis.js";

/** Gram & Schmidt as in a textbook, twice over: what the fast one must give. */
function plainBasis(size: number, random: Random): number[][] {
  const basis: number[][] = [];
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  while (basis.length < size) {
    let vector = Array.from({ length: size }, () => random.normal());
    for (let pass = 0; pass < 2; pass++) {
      for (const other of basis) {
        const along = dot(vector, other);
        vector = vector.map((value, i) => value - along * other[i]!);
      }
    }
    const length = Math.sqrt(dot(vector, vector));
    basis.push(vector.map((value) => value / length));
  }
  return basis;
}

describe("drawOrthonormalBasis", () => {
  it.each([1, 2, 3, 4, 5, 9, 16, 31, 64])("gives the basis of the plain method, from the same numbers (%i)", (size) => {
    const [random, plainRandom] = [new Random(3), new Random(3)];
    const basis = drawOrthonormalBasis(size, random);
    const plain = plainBasis(size, plainRandom).flat();
    for (const [i, value] of plain.entries()) expect(Math.abs(basis[i]! - value)).toBeLessThan(1e-11);
    expect(random.position).toBe(plainRandom.position);
  });

  it("stays orthonormal to rounding at the size of a trained decoder", () => {
    const size = 300;
    const basis = drawOrthonormalBasis(size, new Random(1));
    let worst = 0;
    for (let row = 0; row < size; row++) {
      for (let other = 0; other <= row; other++) {
        let product = 0;
        for (let i = 0; i < size; i++) product += basis[row * size + i]! * basis[other * size + i]!;
        worst = Math.max(worst, Math.abs(product - (row === other ? 1 : 0)));
      }
    }
    expect(worst).toBeLessThan(1e-13);
  });
});
