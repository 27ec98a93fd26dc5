/** Order by Unicode code points (that of UTF-8 bytes), which `<` on strings is not: it compares UTF-16 units and puts emoji before U+FFxx. */
export function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    if (a.charCodeAt(index) !== b.charCodeAt(index)) {
      return orderedUnit(a.charCodeAt(index)) - orderedUnit(b.charCodeAt(index));
    }
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above every other unit's. */
function orderedUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
