import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { Random } from "../random.js";
import type { NamedTensors, Tensor } from "../tensor.js";
import { mutateBytes, mutateJson } from "../testing/mutate.js";
import { decodeSafetensors, encodeSafetensors, readSafetensors } from "./safetensors.js";
import { MAX_HEADER_BYTES, PREFIX_BYTES } from "./safetensors-header.js";

const tensors: NamedTensors = new Map<string, Tensor>([
  ["weight", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0.25, -0.125, 6) }],
  ["bias", { shape: [3], data: Float32Array.of(0.1, 0.2, 0.3) }],
  ["empty", { shape: [0, 4], data: new Float32Array(0) }],
]);

/** A file with this header, for headers that no writer of ours makes. */
function fileWith(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(PREFIX_BYTES + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, PREFIX_BYTES);
  return bytes;
}

const entry = (changes: object = {}) => ({ dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes });

describe("safetensors", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "showtell-safetensors-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("gives back what was stored as F32, bit for bit", () => {
    const bytes = encodeSafetensors(tensors, { metadata: { format: "test" } });
    expect(decodeSafetensors(bytes, "x")).toEqual(tensors);
    expect(encodeSafetensors(tensors, { metadata: { format: "test" } })).toEqual(bytes);
  });

  it("rounds F16 tensors to half precision and leaves the others alone", () => {
    const bytes = encodeSafetensors(tensors, { dtypeOf: (name) => (name === "bias" ? "F16" : "F32") });
    const back = decodeSafetensors(bytes, "x");
    expect(back.get("weight")).toEqual(tensors.get("weight"));
    expect(back.get("bias")!.data[0]).toBeCloseTo(0.1, 4);
    expect(back.get("bias")!.data[0]).not.toBe(Math.fround(0.1));
  });

  it("refuses to store as F16 what F16 cannot hold", () => {
    const large = new Map([["w", { shape: [1], data: Float32Array.of(70_000) }]]);
    expect(() => encodeSafetensors(large, { dtypeOf: () => "F16" })).toThrow(/within ±65504 for tensor "w".*70000/);
  });

  it("reads a header whose data is not aligned", () => {
    const bytes = fileWith({ a: entry() }, 8);
    expect((bytes.length - 8) % 4).not.toBe(0);
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 2.5, true);
    expect([...decodeSafetensors(bytes, "x").get("a")!.data]).toEqual([0, 2.5]);
  });

  it("follows the public format: length, JSON header, data", () => {
    const bytes = encodeSafetensors(new Map([["a", { shape: [1], data: Float32Array.of(1) }]]));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toEqual({
      a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
    });
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 128, 63]);
  });

  it.each([
    ["an empty file", new Uint8Array(0), /at least 10 bytes for model/],
    ["a header longer than the file", fileWith("{}").with(0, 200), /header length of model but received 200/],
    ["a header beyond the limit", fileWith("{}").with(7, 1), /header length of model but received 720575940379279/],
    ["JSON that is none", fileWith("{nope"), /UTF-8 JSON for the header of model/],
    ["bytes that are no UTF-8", fileWith("{}  ").with(9, 0xff), /UTF-8 JSON/],
    ["a list", fileWith([]), /a JSON object for the header/],
    [
      "metadata with numbers",
      fileWith({ __metadata__: { a: 1 } }),
      /a text for __metadata__.a in model but received 1/,
    ],
    [
      "another type",
      fileWith({ a: entry({ dtype: "BF16" }) }, 8),
      /F32 or F16 for dtype of tensor "a" in model but received "BF16"/,
    ],
    ["a negative size", fileWith({ a: entry({ shape: [-2] }) }, 8), /shape of tensor "a" in model but received \[-2\]/],
    ["a fractional size", fileWith({ a: entry({ shape: [0.5] }) }, 8), /shape of tensor "a"/],
    ["too many dimensions", fileWith({ a: entry({ shape: Array(9).fill(1) }) }, 8), /at most 8 non-negative integers/],
    [
      "a size that overflows",
      fileWith({ a: entry({ shape: [2 ** 40, 2 ** 40] }) }, 8),
      /bytes .* for data of tensor "a"/,
    ],
    ["offsets that are too short", fileWith({ a: entry({ data_offsets: [0, 4] }) }, 4), /8 bytes .* but received 4/],
    [
      "an unknown key",
      fileWith({ a: entry({ strides: [1] }) }, 8),
      /dtype, shape and data_offsets for tensor "a" in model but received "strides"/,
    ],
    [
      "a gap",
      fileWith({ a: entry(), b: entry({ data_offsets: [12, 20] }) }, 20),
      /8 for start of tensor "b" in model but received 12/,
    ],
    ["an overlap", fileWith({ a: entry(), b: entry({ data_offsets: [4, 12] }) }, 12), /8 for start of tensor "b"/],
    ["data cut short", fileWith({ a: entry() }, 7), /8 bytes of data for model but received 7/],
    ["data too long", fileWith({ a: entry() }, 9), /8 bytes of data for model but received 9/],
  ])("names the fault in %s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "model")).toThrow(CheckpointError);
    expect(() => decodeSafetensors(bytes, "model")).toThrow(message);
  });

  it("does not believe a header length beyond its limit even in a large file", () => {
    const bytes = new Uint8Array(MAX_HEADER_BYTES + 100);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(MAX_HEADER_BYTES + 50), true);
    expect(() => decodeSafetensors(bytes, "model")).toThrow(/header length/);
  });

  it("checks names, shapes and hash against what is expected", async () => {
    const path = join(folder, "model.safetensors");
    await writeFile(path, encodeSafetensors(tensors));
    const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
    await expect(readSafetensors(path, { shapes })).resolves.toEqual(tensors);
    const missing = new Map(shapes).set("other", [1]);
    await expect(readSafetensors(path, { shapes: missing })).rejects.toThrow(/tensor "other".*a file without it/);
    const reshaped = new Map(shapes).set("weight", [3, 2]);
    await expect(readSafetensors(path, { shapes: reshaped })).rejects.toThrow(
      /shape \[3,2\] for tensor "weight".*\[2,3\]/,
    );
    shapes.delete("bias");
    await expect(readSafetensors(path, { shapes })).rejects.toThrow(/no other tensors.*bias/);
    await expect(readSafetensors(path, { sha256: "0".repeat(64) })).rejects.toThrow(/sha256 0000000000000000…/);
    await expect(readSafetensors(join(folder, "absent"))).rejects.toThrow(/a readable file .*ENOENT/);
    await expect(readSafetensors(folder)).rejects.toThrow(CheckpointError);
  });

  it("answers damaged files with CheckpointError and nothing else", () => {
    const bytes = encodeSafetensors(tensors, { metadata: { a: "b" } });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    const random = new Random(11);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const damaged =
        i % 2 ? mutateBytes(bytes, random) : fileWith(mutateJson(header, random), bytes.length - 8 - length);
      try {
        const values = [...decodeSafetensors(damaged, "model").values()].reduce(
          (sum, { data }) => sum + data.length,
          0,
        );
        // Whatever is accepted is no larger than the file.
        expect(values * 2).toBeLessThanOrEqual(damaged.length);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(2000);
  });
});
