import { expected, OptionError } from "@showtell/core/errors";

/** @throws OptionError unless `text` is an integer of at least `least` */
export function parseCount(option: string, text: string, least = 1): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new OptionError(expected(`an integer ≥ ${least}`, option, text));
}

/** `1,3,5` */
export function parseCounts(option: string, text: string): number[] {
  return text.split(",").map((count) => parseCount(option, count));
}
