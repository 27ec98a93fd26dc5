/** Scores as papers print them: times 100. */
export function score(value: number): string {
  return fixed(100 * value, 1);
}

export function signedScore(value: number): string {
  return signed(value, score);
}

export function nats(value: number): string {
  return fixed(value, 3);
}

export function signedNats(value: number): string {
  return signed(value, nats);
}

export function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

export function probability(value: number): string {
  return value.toFixed(2);
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** "1 photo", "2 photos" */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Of learning rates and the like: three digits, whatever the size. */
export function compact(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–";
}

export function pValue(value: number): string {
  return value < 0.0015 ? "0.001" : value.toFixed(3);
}

/** 2026-11-23 22:11 UTC */
export function date(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** What was not measured, or is no number, is a dash. */
function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

function signed(value: number, format: (value: number) => string): string {
  const text = format(Math.abs(value));
  if (Number(text) === 0) return text;
  return value < 0 ? `−${text}` : `+${text}`;
}
