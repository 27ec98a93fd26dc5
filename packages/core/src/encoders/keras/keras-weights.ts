import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { Dataset, Group } from "h5wasm/node";
import { EncoderError, expected } from "../../errors.js";
import { sizeOf, type Tensor } from "../../tensor.js";

/** A convolution without bias, and the batch normalisation after it. */
export interface NormalizedConvolution {
  /** `[rows, columns, inputs, outputs]` */
  readonly kernel: Tensor;
  /** `[outputs]` */
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Absent where the layer was made with scale=False. */
  readonly gamma?: Float32Array;
}

/**
 * Reads the convolutions of a Keras weight file (the HDF5 layout of the files that keras.applications downloads: a root attribute `layer_names`, a
 * group for each layer with `weight_names`), each with its normalisation, in the order in which the layers were created: Keras numbers layers as it
 * makes them, while the file lists them by depth.
 * @throws EncoderError when the file is no such file or its layers do not pair up.
 */
export async function readNormalizedConvolutions(path: string): Promise<NormalizedConvolution[]> {
  await checkSignature(path);
  const { File, ready } = await import("h5wasm/node");
  await ready;
  const file = new File(path, "r");
  try {
    const names = layerNames(file, path);
    const convolutions = numbered(names, "conv2d");
    const norms = numbered(names, "batch_normalization");
    if (convolutions.length === 0 || convolutions.length !== norms.length) {
      throw unusable(path, `${convolutions.length} convolutions and ${norms.length} normalisations`);
    }
    return convolutions.map((name, index) => readPair(file, name, norms[index]!, path));
  } finally {
    file.close();
  }
}

const SIGNATURE = "\x89HDF\r\n\x1a\n";

/** The HDF5 library prints its own pages of diagnosis when it is given anything else. */
async function checkSignature(path: string): Promise<void> {
  const start = Buffer.alloc(SIGNATURE.length);
  try {
    const file = await open(path, "r");
    try {
      await file.read(start, 0, start.length, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unusable(path, error instanceof Error ? error.message : error);
  }
  if (start.toString("latin1") !== SIGNATURE) throw unusable(path, "no HDF5 file");
}

function layerNames(file: Group, path: string): string[] {
  const names = file.attrs["layer_names"]?.value;
  if (Array.isArray(names) && names.every((name): name is string => typeof name === "string")) return names;
  throw unusable(path, "a file without the attribute layer_names");
}

/** `kind`, `kind_1`, `kind_2`, … in the order of their numbers. */
function numbered(names: readonly string[], kind: string): string[] {
  const number = (name: string) => (name === kind ? 0 : Number(name.slice(kind.length + 1)));
  return names
    .filter((name) => name === kind || (name.startsWith(`${kind}_`) && /^\d+$/.test(name.slice(kind.length + 1))))
    .sort((a, b) => number(a) - number(b));
}

function readPair(file: Group, convolution: string, norm: string, path: string): NormalizedConvolution {
  const kernel = readWeight(file, convolution, "kernel", path);
  if (kernel?.shape.length !== 4) throw unusable(path, `no 4-dimensional kernel in layer ${convolution}`);
  const outputs = kernel.shape[3]!;
  const vector = (name: string): Float32Array | undefined => {
    const weight = readWeight(file, norm, name, path);
    if (weight !== undefined && weight.data.length !== outputs)
      throw unusable(path, `${weight.data.length} values of ${norm}/${name}`);
    return weight?.data;
  };
  const required = (name: string): Float32Array => {
    const values = vector(name);
    if (values === undefined) throw unusable(path, `no ${name} in layer ${norm}`);
    return values;
  };
  const gamma = vector("gamma");
  return {
    kernel,
    beta: required("beta"),
    mean: required("moving_mean"),
    variance: required("moving_variance"),
    ...(gamma === undefined ? {} : { gamma }),
  };
}

/** A weight of a layer by the last part of its name, whatever scope and `:0` surround it. */
function readWeight(file: Group, layer: string, weight: string, path: string): Tensor | undefined {
  const group = file.get(layer) as Group | null;
  const names = group?.attrs["weight_names"]?.value;
  if (!Array.isArray(names)) throw unusable(path, `layer ${layer} without the attribute weight_names`);
  const name = names.map(String).find((candidate) => basename(candidate).replace(/:\d+$/, "") === weight);
  if (name === undefined) return undefined;
  const dataset = group!.get(name) as Dataset | null;
  const { shape, value } = dataset ?? {};
  if (!shape || !(value instanceof Float32Array) || value.length !== sizeOf(shape)) {
    throw unusable(path, `no float32 values at ${layer}/${name}`);
  }
  return { shape, data: value };
}

function unusable(path: string, actual: unknown): EncoderError {
  return new EncoderError(expected("Keras weights of Inception v3 without its top", path, actual), {
    hint: "Use inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 as keras.applications downloads it.",
  });
}
