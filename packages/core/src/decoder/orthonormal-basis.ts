import type { Random } from "../random.js";

/** Basis vectors that a vector is projected on together; they lie in the first-level cache meanwhile. */
const ROWS_AT_ONCE = 4;
/** A vector that loses more than this of its length is projected again: what is left is rounding to a larger part (Daniel et al. 1976). */
const AGAIN_BELOW = 0.1;

/**
 * Gram & Schmidt on vectors of normal numbers: uniform among orthogonal matrices.
 * @returns `[size, size]`, rows orthonormal to about 1e-14
 */
export function drawOrthonormalBasis(size: number, random: Random): Float64Array {
  const basis = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    const vector = basis.subarray(row * size, (row + 1) * size);
    for (let i = 0; i < size; i++) vector[i] = random.normal();
    const drawn = lengthOf(vector);
    projectOut(vector, basis, row);
    if (lengthOf(vector) < AGAIN_BELOW * drawn) projectOut(vector, basis, row);
    const length = lengthOf(vector);
    for (let i = 0; i < size; i++) vector[i]! /= length;
  }
  return basis;
}

/**
 * Takes out of a vector what lies along the first rows of a basis. Group after group, as modified Gram-Schmidt does vector after vector; within a group, whose
 * rows are orthonormal, the order makes no difference. Four sums side by side take a third of the time of one, which waits for each addition.
 */
function projectOut(vector: Float64Array, basis: Float64Array, rows: number): void {
  const size = vector.length;
  let row = 0;
  for (; row + ROWS_AT_ONCE <= rows; row += ROWS_AT_ONCE) {
    const a = row * size;
    const b = a + size;
    const c = b + size;
    const d = c + size;
    let alongA = 0;
    let alongB = 0;
    let alongC = 0;
    let alongD = 0;
    for (let i = 0; i < size; i++) {
      const value = vector[i]!;
      alongA += value * basis[a + i]!;
      alongB += value * basis[b + i]!;
      alongC += value * basis[c + i]!;
      alongD += value * basis[d + i]!;
    }
    for (let i = 0; i < size; i++) {
      vector[i]! -= alongA * basis[a + i]! + alongB * basis[b + i]! + alongC * basis[c + i]! + alongD * basis[d + i]!;
    }
  }
  for (; row < rows; row++) {
    const other = basis.subarray(row * size, (row + 1) * size);
    let along = 0;
    for (let i = 0; i < size; i++) along += vector[i]! * other[i]!;
    for (let i = 0; i < size; i++) vector[i]! -= along * other[i]!;
  }
}

function lengthOf(vector: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! ** 2;
  return Math.sqrt(sum);
}
