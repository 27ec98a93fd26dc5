/** What a program without types may pass as options. */
import { EvaluationError, expected } from "./errors.js";

/** @throws EvaluationError unless `options` is an object with none but these names */
export function checkOptions(options: unknown, name: string, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new EvaluationError(expected("an object", name, options));
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new EvaluationError(expected("a known name", name, unknown), { hint: `Known names: ${known.join(", ")}.` });
}
