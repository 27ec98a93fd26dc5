import type { Json } from "../checkpoint/checkpoint.js";
import type { Random } from "../random.js";

/** The values that one recipe key may take in a study. */
export type Dimension = ContinuousDimension | IntegerDimension | ChoiceDimension;

interface ContinuousDimension {
  /** Drawn evenly over the range, or over its logarithm. */
  readonly kind: "uniform" | "log";
  readonly low: number;
  readonly high: number;
}

interface IntegerDimension {
  readonly kind: "int" | "logInt";
  readonly low: number;
  readonly high: number;
  /** low, low + step, … up to high; 1 for logInt. */
  readonly step: number;
}

interface ChoiceDimension {
  readonly kind: "choice";
  readonly values: readonly Json[];
}

/** One value for each dimension, by recipe key. */
export type Parameters = Readonly<Record<string, Json>>;

/** The line on which a numeric dimension is searched: its logarithm for `log` and `logInt`; each whole number owns a cell of the line. */
export interface Scale {
  readonly lower: number;
  readonly upper: number;
  toValue(coordinate: number): number;
  toCoordinate(value: number): number;
  /** Ends of the value's cell; undefined on a continuous scale. */
  cellOf(value: number): readonly [number, number] | undefined;
}

export function scaleOf(dimension: ContinuousDimension | IntegerDimension): Scale {
  const { kind, low, high } = dimension;
  const clamp = (value: number, top: number) => Math.min(Math.max(value, low), top);
  switch (kind) {
    case "uniform":
      return { lower: low, upper: high, toValue: (x) => x, toCoordinate: (value) => value, cellOf: () => undefined };
    case "log":
      return {
        lower: Math.log(low),
        upper: Math.log(high),
        toValue: (x) => clamp(Math.exp(x), high),
        toCoordinate: Math.log,
        cellOf: () => undefined,
      };
    case "int": {
      const { step } = dimension;
      const last = low + Math.floor((high - low) / step) * step;
      return {
        lower: low - step / 2,
        upper: last + step / 2,
        toValue: (x) => clamp(low + Math.round((x - low) / step) * step, last),
        toCoordinate: (value) => value,
        cellOf: (value) => [value - step / 2, value + step / 2],
      };
    }
    case "logInt":
      return {
        lower: Math.log(low - 0.5),
        upper: Math.log(high + 0.5),
        toValue: (x) => clamp(Math.round(Math.exp(x)), high),
        toCoordinate: Math.log,
        cellOf: (value) => [Math.log(value - 0.5), Math.log(value + 0.5)],
      };
  }
}

/** Position of a value among the choices; choices are compared as JSON. */
export function choiceIndex({ values }: ChoiceDimension, value: Json): number {
  const text = JSON.stringify(value);
  return values.findIndex((choice) => JSON.stringify(choice) === text);
}

/** Random search (Bergstra & Bengio 2012): each dimension on its own, whatever was found so far. */
export function drawAtRandom(dimension: Dimension, random: Random): Json {
  if (dimension.kind === "choice") return dimension.values[random.integer(dimension.values.length)]!;
  const scale = scaleOf(dimension);
  return scale.toValue(scale.lower + random.uniform() * (scale.upper - scale.lower));
}
