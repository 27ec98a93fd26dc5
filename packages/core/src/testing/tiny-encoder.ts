import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EncoderSpec } from "../encoders/encoder-spec.js";
import { ELEMENT, OnnxGraph } from "../encoders/onnx/onnx-graph.js";

export const TINY_ENCODER_SIZE = 16;
const CELLS_A_SIDE = 4;
const CHANNELS = 5;

/**
 * Writes a tiny encoder into a folder: 16 x 16 pixels, a grid of 4 x 4 cells whose five features are the cell's mean red, green, blue, their sum, and
 * red minus blue, all of values in 0…1. Small enough to check by hand.
 * @returns the path of its spec
 */
export async function writeTinyEncoder(directory: string, changes: Partial<EncoderSpec> = {}): Promise<string> {
  const weights = tinyGraph();
  const spec: EncoderSpec = {
    formatVersion: 1,
    name: "tiny",
    onnx: "tiny.onnx",
    sha256: createHash("sha256").update(weights).digest("hex"),
    input: { name: "pixels", size: TINY_ENCODER_SIZE, layout: "NHWC", dtype: "uint8", channels: "RGB" },
    resize: { fit: "squash", filter: "cubic" },
    outputs: {
      pooled: { name: "features", size: CHANNELS },
      grid: { name: "grid", cells: CELLS_A_SIDE ** 2, size: CHANNELS, layout: "channels-last" },
    },
    licence: "Apache-2.0",
    ...changes,
  };
  const path = join(directory, "encoder.json");
  await writeFile(join(directory, spec.onnx), weights);
  await writeFile(path, JSON.stringify(spec));
  return path;
}

function tinyGraph(): Uint8Array {
  const graph = new OnnxGraph("tiny");
  graph.input("pixels", ELEMENT.uint8, ["N", TINY_ENCODER_SIZE, TINY_ENCODER_SIZE, 3]);
  graph.floats("white", [], Float32Array.of(255));
  const floats = graph.node("Cast", ["pixels"], "pixels.float", { to: ELEMENT.float32 });
  const scaled = graph.node("Div", [floats, "white"], "pixels.scaled");
  const planes = graph.node("Transpose", [scaled], "pixels.nchw", { perm: [0, 3, 1, 2] });
  const side = TINY_ENCODER_SIZE / CELLS_A_SIDE;
  const cells = graph.node("AveragePool", [planes], "cells", { kernel_shape: [side, side], strides: [side, side] });
  const mixture = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, -1);
  const mixed = graph.node("Conv", [cells, graph.floats("mixture", [CHANNELS, 3, 1, 1], mixture)], "mixed");
  graph.node("Flatten", [graph.node("GlobalAveragePool", [mixed], "mean")], "features", { axis: 1 });
  const last = graph.node("Transpose", [mixed], "mixed.nhwc", { perm: [0, 2, 3, 1] });
  graph.node("Reshape", [last, graph.integers("grid_shape", [0, CELLS_A_SIDE ** 2, CHANNELS])], "grid");
  graph.output("features", ["N", CHANNELS]);
  graph.output("grid", ["N", CELLS_A_SIDE ** 2, CHANNELS]);
  return graph.serialize();
}
