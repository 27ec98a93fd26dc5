import { expected, OptionError } from "../errors.js";
import { Random } from "../random.js";
import { type NamedTensors, sizeOf, type Tensor } from "../tensor.js";
import type { DecoderSpec } from "./decoder-spec.js";
import { drawOrthonormalBasis } from "./orthonormal-basis.js";
import { type ParameterShape, parameterShapes } from "./parameter-shapes.js";

export const INITIALIZATION_SCHEMES = ["glorot", "normal-embedding", "uniform"] as const;

/**
 * How matrices start. Biases start at 0 but for the forget gates' 1 (Jozefowicz et al. 2015, §2.2), normalization as the identity.
 * - `glorot`: as Keras does: kernels U(±√(6 / (in + out))) (Glorot & Bengio 2010, eq. 16), recurrent kernels orthogonal gate by gate
 *   (Saxe et al. 2014), embedding U(−0.05, 0.05).
 * - `normal-embedding`: the same with embedding N(0, 1), which started faster in every training it was tried in.
 * - `uniform`: everything U(−0.08, 0.08), as Vinyals et al. 2015 did.
 */
export type InitializationScheme = (typeof INITIALIZATION_SCHEMES)[number];

const GLOROT_EMBEDDING_LIMIT = 0.05;
const UNIFORM_LIMIT = 0.08;

/** Streams of one seed: 64 + the parameter's position, clear of the streams for shuffling and sampling. */
const FIRST_STREAM = 64;

/**
 * Fresh parameters of a decoder: a pure function of spec, seed and scheme. Each parameter draws from a stream of its own.
 * @throws OptionError for an unknown scheme or a seed that is not a non-negative integer
 */
export function initializeParameters(
  spec: DecoderSpec,
  options: { readonly seed: number; readonly scheme?: InitializationScheme },
): NamedTensors {
  const { seed, scheme = "glorot" } = options;
  if (!INITIALIZATION_SCHEMES.includes(scheme)) {
    throw new OptionError(expected(`one of ${INITIALIZATION_SCHEMES.join(", ")}`, "initialization scheme", scheme));
  }
  if (!Number.isSafeInteger(seed) || seed < 0) throw new OptionError(expected("a non-negative integer", "seed", seed));
  const parameters = new Map<string, Tensor>();
  for (const [index, parameter] of parameterShapes(spec).entries()) {
    const random = new Random(seed, FIRST_STREAM + index);
    parameters.set(parameter.name, { shape: parameter.shape, data: initialValues(parameter, spec, scheme, random) });
  }
  return parameters;
}

function initialValues(
  { name, shape }: ParameterShape,
  spec: DecoderSpec,
  scheme: InitializationScheme,
  random: Random,
): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (name.endsWith(".gamma") || name.endsWith(".runningVariance")) return values.fill(1);
  if (/^lstm\.\d+\.bias$/.test(name)) return values.fill(1, spec.hiddenSize, 2 * spec.hiddenSize);
  if (shape.length === 1) return values;

  if (scheme === "uniform") return fillUniform(values, UNIFORM_LIMIT, random);
  if (name === "embedding.weight") {
    return scheme === "glorot"
      ? fillUniform(values, GLOROT_EMBEDDING_LIMIT, random)
      : values.map(() => random.normal());
  }
  const [rows, columns] = shape as [number, number];
  if (name.endsWith(".recurrentWeight")) return orthogonalGates(values, rows, random);
  return fillUniform(values, Math.sqrt(6 / (rows + columns)), random);
}

function fillUniform(values: Float32Array, limit: number, random: Random): Float32Array {
  return values.map(() => (2 * random.uniform() - 1) * limit);
}

/** Writes four orthogonal `[size, size]` blocks side by side. */
function orthogonalGates(values: Float32Array, size: number, random: Random): Float32Array {
  for (let gate = 0; gate < 4; gate++) {
    const basis = drawOrthonormalBasis(size, random);
    for (let row = 0; row < size; row++) {
      values.set(basis.subarray(row * size, (row + 1) * size), row * 4 * size + gate * size);
    }
  }
  return values;
}
