import { availableParallelism } from "node:os";
import { expected, OptionError } from "../errors.js";

/**
 * Threads for arithmetic: `requested`, else the variable SHOWTELL_THREADS, else the processors this process may use.
 * @throws OptionError when either is not a positive integer.
 */
export function resolveThreadCount(requested?: number): number {
  if (requested !== undefined) return check(requested, "threads", requested);
  const variable = process.env["SHOWTELL_THREADS"];
  if (variable === undefined || variable === "") return availableParallelism();
  return check(Number(variable), "the variable SHOWTELL_THREADS", variable);
}

function check(count: number, name: string, actual: unknown): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new OptionError(expected("a positive integer", name, actual), { hint: "Leave it out to use every core." });
}
