/** The real ONNX Runtime on a machine whose CUDA provider cannot be loaded: as if it were installed and broken. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EncoderError } from "../errors.js";
import { TINY_ENCODER_SIZE, writeTinyEncoder } from "../testing/tiny-encoder.js";
import { cudaProviderAbsence } from "./encoder-device.js";
import { openEncoder } from "./image-encoder.js";

vi.mock("./encoder-device.js", async (load) => ({
  ...(await load<typeof import("./encoder-device.js")>()),
  resolveEncoderDevice: (requested?: string) => requested ?? "auto",
}));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-fallback-"));
});
afterEach(() => rm(directory, { recursive: true }));

it.skipIf(cudaProviderAbsence() === undefined)("encodes on the CPU, with every session, and says why", async () => {
  const encoder = await openEncoder(await writeTinyEncoder(directory), { threads: 2, sessions: 2 });
  try {
    expect(encoder).toMatchObject({ device: "cpu", sessions: 2, cudaFailure: expect.stringMatching(/\w/) });
    const { pooled } = await encoder.encode([new Uint8Array(TINY_ENCODER_SIZE ** 2 * 3)]);
    expect(pooled?.shape).toEqual([1, 5]);
  } finally {
    await encoder.dispose();
  }
});

it.skipIf(cudaProviderAbsence() === undefined)("refuses instead where the GPU was demanded", async () => {
  const opening = openEncoder(await writeTinyEncoder(directory), { device: "cuda" });
  await expect(opening).rejects.toBeInstanceOf(EncoderError);
  await expect(opening).rejects.toThrow(/^Expected a usable ONNX file and CUDA device for .* but received .+\.$/);
});
