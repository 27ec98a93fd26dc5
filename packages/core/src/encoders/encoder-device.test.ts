import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EncoderError, OptionError } from "../errors.js";
import { cudaProviderAbsence, resolveEncoderDevice } from "./encoder-device.js";

const installed = () => undefined;
const missing = () => "it is not installed";

afterEach(() => vi.unstubAllEnvs());

describe("resolveEncoderDevice", () => {
  it("tries the GPU where its provider is installed, and only there", () => {
    expect(resolveEncoderDevice(undefined, installed)).toBe("auto");
    expect(resolveEncoderDevice("auto", missing)).toBe("cpu");
    expect(resolveEncoderDevice("cuda", installed)).toBe("cuda");
  });

  it("looks for nothing where the CPU is asked for", () => {
    const never = () => {
      throw new Error("looked");
    };
    expect(resolveEncoderDevice("cpu", never)).toBe("cpu");
  });

  it("takes the variable where no device is given", () => {
    vi.stubEnv("SHOWTELL_ENCODER_DEVICE", "cpu");
    expect(resolveEncoderDevice(undefined, installed)).toBe("cpu");
    expect(resolveEncoderDevice("cuda", installed)).toBe("cuda");
  });

  it("refuses a GPU that is asked for and missing, with the reason and a hint", () => {
    expect(() => resolveEncoderDevice("cuda", missing)).toThrow(EncoderError);
    expect(() => resolveEncoderDevice("cuda", missing)).toThrow(
      "Expected a CUDA provider for device but it is not installed.",
    );
    vi.stubEnv("SHOWTELL_ENCODER_DEVICE", "cuda");
    expect(() => resolveEncoderDevice(undefined, missing)).toThrow(/the variable SHOWTELL_ENCODER_DEVICE/);
  });

  it("refuses other words", () => {
    vi.stubEnv("SHOWTELL_ENCODER_DEVICE", "gpu");
    expect(() => resolveEncoderDevice(undefined, installed)).toThrow(OptionError);
    expect(() => resolveEncoderDevice(undefined, installed)).toThrow(
      'Expected auto, cpu or cuda for the variable SHOWTELL_ENCODER_DEVICE but received "gpu".',
    );
  });
});

describe("cudaProviderAbsence", () => {
  it.runIf(process.platform === "linux" && process.arch === "x64")("names the library that is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "showtell-provider-"));
    try {
      expect(cudaProviderAbsence(folder)).toMatch(/^libonnxruntime_providers_shared\.so is missing/);
      await writeFile(join(folder, "libonnxruntime_providers_shared.so"), "");
      expect(cudaProviderAbsence(folder)).toMatch(/^libonnxruntime_providers_cuda\.so is missing/);
      await writeFile(join(folder, "libonnxruntime_providers_cuda.so"), "");
      expect(cudaProviderAbsence(folder)).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
