import { describe, expect, it } from "vitest";
import { EncoderError } from "../errors.js";
import { type EncoderSpec, encoderFingerprint, parseEncoderSpec } from "./encoder-spec.js";

const SPEC: EncoderSpec = {
  formatVersion: 1,
  name: "net",
  onnx: "net.onnx",
  sha256: "ab".repeat(32),
  input: {
    name: "pixels",
    size: 64,
    layout: "NCHW",
    dtype: "float32",
    channels: "BGR",
    scale: 0.5,
    mean: [1, 2, 3],
    std: [4, 5, 6],
  },
  resize: { fit: "squash", filter: "cubic" },
  outputs: {
    pooled: { name: "features", size: 8 },
    grid: { name: "grid", cells: 4, size: 8, layout: "channels-first" },
  },
  licence: "MIT",
};

describe("parseEncoderSpec", () => {
  it("takes what it describes", () => {
    expect(parseEncoderSpec(JSON.parse(JSON.stringify(SPEC)), "net.json")).toEqual(SPEC);
  });

  it.each<[string, unknown, RegExp]>([
    ["an unknown key", { ...SPEC, colour: 1 }, /net\.json.*"colour"/],
    ["another version", { ...SPEC, formatVersion: 2 }, /formatVersion/],
    ["a missing hash", { ...SPEC, sha256: "12" }, /sha256.*64 hexadecimal digits/],
    ["a path out of its folder", { ...SPEC, onnx: "../net.onnx" }, /onnx/],
    ["normalisation of bytes", { ...SPEC, input: { ...SPEC.input, dtype: "uint8" } }, /need dtype float32/],
    ["a deviation of zero", { ...SPEC, input: { ...SPEC.input, std: [1, 0, 1] } }, /input\.std/],
    ["an input beyond the limit", { ...SPEC, input: { ...SPEC.input, size: 1e6 } }, /input\.size/],
    ["no object", 7, /the spec/],
  ])("refuses %s", (_, json, message) => {
    const parse = () => parseEncoderSpec(json, "net.json");
    expect(parse).toThrow(EncoderError);
    expect(parse).toThrow(message);
  });
});

describe("encoderFingerprint", () => {
  it("ignores what does not change features", () => {
    expect(encoderFingerprint({ ...SPEC, name: "other", licence: "BSD", description: "x" })).toBe(
      encoderFingerprint(SPEC),
    );
  });

  it.each<[string, EncoderSpec]>([
    ["weights", { ...SPEC, sha256: "cd".repeat(32) }],
    ["filter", { ...SPEC, resize: { fit: "squash", filter: "linear" } }],
    ["mean", { ...SPEC, input: { ...SPEC.input, mean: [1, 2, 4] } }],
    ["channel order", { ...SPEC, input: { ...SPEC.input, channels: "RGB" } }],
    ["output", { ...SPEC, outputs: { pooled: { name: "other", size: 8 } } }],
  ])("changes with the %s", (_, changed) => {
    expect(encoderFingerprint(changed)).not.toBe(encoderFingerprint(SPEC));
  });
});
