import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { train } from "../training/train.js";
import type { TrainOptions } from "../training/train-options.js";

/** Trains, is stopped after the first update of the second epoch, and goes on to the end. */
export async function stopAndResume(options: TrainOptions): Promise<void> {
  const controller = new AbortController();
  await train({
    ...options,
    signal: controller.signal,
    onProgress: ({ epoch, step }) => {
      if (epoch === 2 && step === 1) controller.abort();
    },
  });
  await train({ ...options, resume: true });
}

/** The weights at a run's end, as hexadecimal digits. */
export function lastWeights({ runDirectory }: TrainOptions): Promise<string> {
  return readFile(join(runDirectory, "checkpoints", "last", "decoder.safetensors"), "hex");
}
