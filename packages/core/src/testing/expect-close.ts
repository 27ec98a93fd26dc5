import type { NamedTensors } from "../tensor.js";

/** |actual − expected| ≤ absolute + relative · |expected|, each 0 by default. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

/**
 * Compares numbers one by one.
 * @throws Error naming the worst offender, its index and both values
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  label = "values",
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${label}: ${actual.length} values instead of ${expected.length}`);
  }
  const { absolute = 0, relative = 0 } = tolerance;
  let worst = -1;
  let worstExcess = 0;
  for (let index = 0; index < expected.length; index++) {
    const allowed = absolute + relative * Math.abs(expected[index]!);
    const excess = Math.abs(actual[index]! - expected[index]!) - allowed;
    // Written so that NaN is an offender.
    if (!(excess <= worstExcess)) {
      worst = index;
      worstExcess = excess;
    }
  }
  if (worst < 0) return;
  throw new Error(
    `${label}[${worst}]: ${actual[worst]} instead of ${expected[worst]}, ` +
      `${worstExcess.toExponential(2)} beyond ±(${absolute} + ${relative} · |expected|)`,
  );
}

/**
 * Compares tensors by name. `relative` is relative to the largest magnitude of each expected tensor, since float32 noise is: the small entries of a
 * matrix product carry the rounding of the large ones.
 */
export function expectTensorsClose(actual: NamedTensors, expected: NamedTensors, tolerance: Tolerance): void {
  const names = (tensors: NamedTensors) => [...tensors.keys()].sort().join(", ");
  if (names(actual) !== names(expected)) throw new Error(`tensors ${names(actual)} instead of ${names(expected)}`);
  for (const [name, { shape, data }] of expected) {
    const own = actual.get(name)!;
    if (own.shape.join() !== shape.join()) throw new Error(`${name}: shape [${own.shape}] instead of [${shape}]`);
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const absolute = (tolerance.absolute ?? 0) + (tolerance.relative ?? 0) * largest;
    expectClose(own.data, data, { absolute }, name);
  }
}
