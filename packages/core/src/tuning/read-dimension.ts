import type { Json, JsonObject } from "../checkpoint/checkpoint.js";
import { closestName } from "../closest-name.js";
import { expected, RecipeError } from "../errors.js";
import type { Dimension } from "./dimension.js";

const KINDS = ["uniform", "log", "int", "logInt", "choice", "sameAs"] as const;
const MAX_CHOICES = 1000;

/**
 * Reads `{ log: [low, high] }` and its like.
 * @param name key and place, for messages
 * @throws RecipeError
 */
export function readDimension(value: Json, name: string): Dimension {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notADimension(name, value);
  const { step, ...rest } = value as JsonObject;
  const kind = Object.keys(rest)[0] as (typeof KINDS)[number] | undefined;
  if (kind === undefined || Object.keys(rest).length !== 1 || !KINDS.includes(kind)) throw notADimension(name, value);
  if (step !== undefined && kind !== "int") throw new RecipeError(expected("no step", `${kind} of ${name}`, step));
  const inner = rest[kind]!;
  if (kind === "choice") return { kind, values: readChoices(inner, name) };
  if (kind === "sameAs") throw new RecipeError(expected("sameAs alone", name, value));
  const [low, high] = readRange(inner, `${kind} of ${name}`);
  if (kind === "uniform" || kind === "log") {
    if (kind === "log" && low <= 0) throw new RecipeError(expected("a range above 0", `log of ${name}`, inner));
    return { kind, low, high };
  }
  const integers = [low, high, step ?? 1];
  if (!integers.every(Number.isSafeInteger))
    throw new RecipeError(expected("whole numbers", `${kind} of ${name}`, value));
  if (kind === "logInt" && low < 1) throw new RecipeError(expected("a range from 1 up", `logInt of ${name}`, inner));
  if (step !== undefined && (step as number) < 1)
    throw new RecipeError(expected("a step of at least 1", `int of ${name}`, step));
  return { kind, low, high, step: (step as number | undefined) ?? 1 };
}

function readRange(value: Json, name: string): [number, number] {
  if (Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] < value[1])
    return value as [number, number];
  throw new RecipeError(expected("[low, high] with low < high", name, value));
}

function readChoices(value: Json, name: string): Json[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CHOICES)
    throw new RecipeError(expected(`a list of 1 to ${MAX_CHOICES} values`, `choice of ${name}`, value));
  if (new Set(value.map((choice) => JSON.stringify(choice))).size < value.length)
    throw new RecipeError(expected("different values", `choice of ${name}`, value));
  return value as Json[];
}

function notADimension(name: string, value: Json): RecipeError {
  const key = typeof value === "object" && value !== null ? Object.keys(value)[0] : undefined;
  const closest = key === undefined ? undefined : closestName(key, KINDS);
  return new RecipeError(expected(`one of ${KINDS.join(", ")}`, name, value), {
    hint:
      closest && closest !== key
        ? `Did you mean ${closest}?`
        : "For example { log: [0.0001, 0.003] }, { int: [128, 512], step: 64 }, { choice: [1, 2] }.",
  });
}
