import type { ImageEncoder } from "@showtell/core/captioning";
import type { Terminal } from "../render/terminal.js";

/** Whoever installed the CUDA provider wants it used: where it fails, that is news. */
export function reportCudaFailure({ cudaFailure }: ImageEncoder, terminal: Terminal): void {
  if (cudaFailure === undefined) return;
  terminal.warn(
    `Photos are encoded on the CPU, because ONNX Runtime's CUDA provider failed: ${cudaFailure}`,
    "SHOWTELL_ENCODER_DEVICE=cpu leaves it alone.",
  );
}
