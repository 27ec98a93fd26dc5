import { EncoderError, expected } from "../../errors.js";
import type { EncoderSpecDraft } from "../encoder-spec.js";
import { type AttributeValue, ELEMENT, OnnxGraph } from "../onnx/onnx-graph.js";
import type { NormalizedConvolution } from "./keras-weights.js";

/**
 * Inception v3 without its classifier (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision") as keras.applications builds
 * it. Every convolution is followed by batch normalisation and ReLU. The order of the calls below is the order in which Keras creates the layers: it
 * is what pairs a call with its weights.
 */

const SIZE = 299;
const GRID_SIDE = 8;
const CHANNELS = 2048;
/** Default of Keras' BatchNormalization. */
const EPSILON = 1e-3;

export const inceptionV3Spec: EncoderSpecDraft = {
  formatVersion: 1,
  name: "inception-v3",
  description:
    "Inception v3 without its classifier, from Keras weights; the pixels' normalisation x / 127.5 - 1 is inside the graph.",
  input: { name: "pixels", size: SIZE, layout: "NHWC", dtype: "uint8", channels: "RGB" },
  // As Keras' load_img(target_size=…) does.
  resize: { fit: "squash", filter: "nearest" },
  outputs: {
    pooled: { name: "pooled", size: CHANNELS },
    grid: { name: "grid", cells: GRID_SIDE * GRID_SIDE, size: CHANNELS, layout: "channels-last" },
  },
  licence: "MIT (keras.applications); ask whoever trained the weights if they are others",
  source: "Imported from a Keras weight file.",
};

/**
 * Writes Inception v3 as an ONNX file, batch normalisation folded into the convolutions.
 * @param layers its 94 convolutions in the order of their creation
 * @throws EncoderError when their number or a shape is not Inception v3's.
 */
export function buildInceptionV3(layers: readonly NormalizedConvolution[], source: string): Uint8Array {
  const network = new Network(layers, source);
  const { graph, conv, pool, concat } = network;
  let x = network.pixels();
  x = conv(x, 32, 3, 3, { stride: 2, padding: "valid" });
  x = conv(x, 32, 3, 3, { padding: "valid" });
  x = conv(x, 64, 3, 3);
  x = pool(x, "max");
  x = conv(x, 80, 1, 1, { padding: "valid" });
  x = conv(x, 192, 3, 3, { padding: "valid" });
  x = pool(x, "max");

  // 35 x 35
  for (const poolChannels of [32, 64, 64]) {
    const single = conv(x, 64, 1, 1);
    const five = conv(conv(x, 48, 1, 1), 64, 5, 5);
    const double = conv(conv(conv(x, 64, 1, 1), 96, 3, 3), 96, 3, 3);
    x = concat(single, five, double, conv(pool(x, "average"), poolChannels, 1, 1));
  }
  const halved = conv(x, 384, 3, 3, { stride: 2, padding: "valid" });
  const halvedDouble = conv(conv(conv(x, 64, 1, 1), 96, 3, 3), 96, 3, 3, { stride: 2, padding: "valid" });
  x = concat(halved, halvedDouble, pool(x, "max"));

  // 17 x 17, 7 x 7 convolutions in two halves
  for (const inner of [128, 160, 160, 192]) {
    const single = conv(x, 192, 1, 1);
    const seven = conv(conv(conv(x, inner, 1, 1), inner, 1, 7), 192, 7, 1);
    const first = conv(conv(conv(x, inner, 1, 1), inner, 7, 1), inner, 1, 7);
    const double = conv(conv(first, inner, 7, 1), 192, 1, 7);
    x = concat(single, seven, double, conv(pool(x, "average"), 192, 1, 1));
  }
  const reduced = conv(conv(x, 192, 1, 1), 320, 3, 3, { stride: 2, padding: "valid" });
  const seven = conv(conv(conv(x, 192, 1, 1), 192, 1, 7), 192, 7, 1);
  x = concat(reduced, conv(seven, 192, 3, 3, { stride: 2, padding: "valid" }), pool(x, "max"));

  // 8 x 8, 3 x 3 convolutions as two branches
  for (let block = 0; block < 2; block++) {
    const single = conv(x, 320, 1, 1);
    const narrow = conv(x, 384, 1, 1);
    const wide = concat(conv(narrow, 384, 1, 3), conv(narrow, 384, 3, 1));
    const deep = conv(conv(x, 448, 1, 1), 384, 3, 3);
    const deepWide = concat(conv(deep, 384, 1, 3), conv(deep, 384, 3, 1));
    x = concat(single, wide, deepWide, conv(pool(x, "average"), 192, 1, 1));
  }
  network.finish(x);
  return graph.serialize({ architecture: "inception-v3", normalisation: "x / 127.5 - 1 inside the graph" });
}

/** Pieces of the network, each taking the names of tensors and returning that of its result. */
class Network {
  readonly graph = new OnnxGraph("inception-v3-encoder");
  private used = 0;
  private others = 0;

  constructor(
    private readonly layers: readonly NormalizedConvolution[],
    private readonly source: string,
  ) {}

  pixels(): string {
    const { graph } = this;
    graph.input("pixels", ELEMENT.uint8, ["N", SIZE, SIZE, 3]);
    graph.floats("pixel_scale", [], Float32Array.of(127.5));
    graph.floats("pixel_shift", [], Float32Array.of(1));
    const floats = graph.node("Cast", ["pixels"], "pixels.float", { to: ELEMENT.float32 });
    const scaled = graph.node("Div", [floats, "pixel_scale"], "pixels.scaled");
    const centred = graph.node("Sub", [scaled, "pixel_shift"], "pixels.centred");
    return graph.node("Transpose", [centred], "pixels.nchw", { perm: [0, 3, 1, 2] });
  }

  readonly conv = (
    x: string,
    channels: number,
    rows: number,
    columns: number,
    { stride = 1, padding = "same" }: { stride?: number; padding?: "same" | "valid" } = {},
  ): string => {
    const name = `conv${this.used}`;
    const layer = this.layers[this.used++];
    const shape = layer?.kernel.shape ?? [];
    if (layer === undefined || shape[0] !== rows || shape[1] !== columns || shape[3] !== channels) {
      throw this.foreign(`convolution ${this.used} of ${rows} x ${columns} to ${channels}`, `[${shape}]`);
    }
    const { weights, bias, inputs } = foldNormalization(layer);
    const weight = this.graph.floats(`${name}.weight`, [channels, inputs, rows, columns], weights);
    this.graph.floats(`${name}.bias`, [channels], bias);
    // Every "same" convolution here has stride 1 and odd sides: TensorFlow's padding is then symmetric.
    const [vertical, horizontal] = padding === "same" ? [rows >> 1, columns >> 1] : [0, 0];
    const sum = this.graph.node("Conv", [x, weight, `${name}.bias`], `${name}.sum`, {
      kernel_shape: [rows, columns],
      strides: [stride, stride],
      pads: [vertical, horizontal, vertical, horizontal],
    });
    return this.graph.node("Relu", [sum], name);
  };

  /** 3 x 3: the maximum at stride 2 without padding, or the average at stride 1, in which TensorFlow does not count the padding. */
  readonly pool = (x: string, kind: "max" | "average"): string => {
    const settings: Record<string, AttributeValue> =
      kind === "max" ? { strides: [2, 2] } : { strides: [1, 1], pads: [1, 1, 1, 1], count_include_pad: 0 };
    const operator = kind === "max" ? "MaxPool" : "AveragePool";
    return this.graph.node(operator, [x], `pool${this.others++}`, { kernel_shape: [3, 3], ...settings });
  };

  readonly concat = (...parts: string[]): string => {
    return this.graph.node("Concat", parts, `mixed${this.others++}`, { axis: 1 });
  };

  finish(x: string): void {
    if (this.used !== this.layers.length) throw this.foreign(`${this.used} convolutions`, this.layers.length);
    const { graph } = this;
    const mean = graph.node("GlobalAveragePool", [x], "mean");
    graph.node("Flatten", [mean], "pooled", { axis: 1 });
    const last = graph.node("Transpose", [x], "last", { perm: [0, 2, 3, 1] });
    const cells = GRID_SIDE * GRID_SIDE;
    graph.node("Reshape", [last, graph.integers("grid_shape", [0, cells, CHANNELS])], "grid");
    graph.output("pooled", ["N", CHANNELS]);
    graph.output("grid", ["N", cells, CHANNELS]);
  }

  private foreign(what: string, actual: unknown): EncoderError {
    return new EncoderError(expected(what, this.source, actual), {
      hint: "Only Inception v3 without its top can be imported from Keras; export other networks to ONNX.",
    });
  }
}

/**
 * Conv followed by normalisation is one convolution: scale = γ / √(variance + ε), weight · scale, β − mean · scale.
 * @returns weights `[outputs, inputs, rows, columns]`, bias `[outputs]`
 */
function foldNormalization({ kernel, beta, mean, variance, gamma }: NormalizedConvolution): {
  weights: Float32Array;
  bias: Float32Array;
  inputs: number;
} {
  const [rows, columns, inputs, outputs] = kernel.shape as [number, number, number, number];
  const cells = rows * columns;
  const weights = new Float32Array(kernel.data.length);
  const bias = new Float32Array(outputs);
  for (let output = 0; output < outputs; output++) {
    const scale = (gamma?.[output] ?? 1) / Math.sqrt(variance[output]! + EPSILON);
    bias[output] = beta[output]! - mean[output]! * scale;
    for (let input = 0; input < inputs; input++) {
      const to = (output * inputs + input) * cells;
      for (let cell = 0; cell < cells; cell++) {
        weights[to + cell] = kernel.data[(cell * inputs + input) * outputs + output]! * scale;
      }
    }
  }
  return { weights, bias, inputs };
}
