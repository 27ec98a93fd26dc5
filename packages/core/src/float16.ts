/** IEEE 754 binary16, for storing: values are float32 wherever they are computed with. */
import type { Float16Tensor, Tensor } from "./tensor.js";

let tableOfHalves: Float32Array | undefined;

/** Widens halves to float32; exact. */
export function decodeFloat16(
  halves: Uint16Array,
  target: Float32Array = new Float32Array(halves.length),
): Float32Array {
  tableOfHalves ??= widenAll();
  const table = tableOfHalves;
  for (let i = 0; i < halves.length; i++) target[i] = table[halves[i]!]!;
  return target;
}

/** The same values as float32; the tensor itself where it is. */
export function toFloat32({ shape, data }: Tensor | Float16Tensor): Tensor {
  return { shape, data: data instanceof Uint16Array ? decodeFloat16(data) : data };
}

/** Rounds to the nearest half, ties to even; beyond ±65 504 (after rounding) becomes infinite. */
export function encodeFloat16(
  values: Float32Array,
  target: Uint16Array<ArrayBuffer> = new Uint16Array(values.length),
): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) target[i] = narrow(bits[i]!);
  return target;
}

/** The float32 of every half: models are read at every start, so the table is built from bits, not from powers. */
function widenAll(): Float32Array {
  const values = new Float32Array(65_536);
  const bits = new Uint32Array(values.buffer);
  for (let half = 0; half < 0x8000; half++) {
    const exponent = half >>> 10;
    if (exponent === 0) values[half] = half * 2 ** -24;
    else bits[half] = ((exponent === 0x1f ? 0xff : exponent + 112) << 23) | ((half & 0x3ff) << 13);
    bits[half + 0x8000] = bits[half]! | 0x80000000;
  }
  return values;
}

/** @param bits of a float32 */
function narrow(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const rebiased = exponent - 112;
  if (rebiased >= 31) return sign | 0x7c00;
  if (rebiased <= 0) {
    // A subnormal half: 24 significant bits shifted down to multiples of 2⁻²⁴.
    const shift = 14 - rebiased;
    return shift > 24 ? sign : sign | roundShift(fraction | 0x800000, shift);
  }
  // A carry out of the fraction correctly raises the exponent, up to infinity.
  return sign + (rebiased << 10) + roundShift(fraction, 13);
}

/** value / 2^shift, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const quotient = value >>> shift;
  const remainder = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return remainder > half || (remainder === half && quotient & 1) ? quotient + 1 : quotient;
}
