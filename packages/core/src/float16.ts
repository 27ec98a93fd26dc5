/** IEEE 754 binary16, for storing: values are float32 wherever they are computed with. */

let valueOfHalf: Float32Array | undefined;

/** Widens halves to float32; exact. */
export function decodeFloat16(
  halves: Uint16Array,
  target: Float32Array = new Float32Array(halves.length),
): Float32Array {
  valueOfHalf ??= Float32Array.from({ length: 65_536 }, (_, half) => widen(half));
  for (let i = 0; i < halves.length; i++) target[i] = valueOfHalf[halves[i]!]!;
  return target;
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

function widen(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
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
