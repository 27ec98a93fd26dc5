import type { ImageEncoder } from "@showtell/core/captioning";
import { afterEach, expect, it, vi } from "vitest";
import { Terminal } from "../render/terminal.js";
import { reportCudaFailure } from "./report-cuda-failure.js";

afterEach(() => vi.restoreAllMocks());

function printed(encoder: Partial<ImageEncoder>): string {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  reportCudaFailure(encoder as ImageEncoder, new Terminal({ quiet: true }));
  return write.mock.calls.join("");
}

it("warns once, with the reason, when the provider was tried and failed", () => {
  expect(printed({ device: "cpu", cudaFailure: "no libcudnn.so.9" })).toMatch(
    /encoded on the CPU, because ONNX Runtime's CUDA provider failed: no libcudnn\.so\.9\n.*SHOWTELL_ENCODER_DEVICE=cpu/,
  );
});

it("says nothing where the CPU was all there is, or the GPU works", () => {
  expect(printed({ device: "cpu" })).toBe("");
  expect(printed({ device: "cuda" })).toBe("");
});
