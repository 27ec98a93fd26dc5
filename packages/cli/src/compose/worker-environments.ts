import { expected, OptionError, resolveThreadCount } from "@showtell/core";
import type { BackendChoice } from "../options/model-options.js";

export interface WorkerPlaces {
  readonly parallel: number;
  readonly gpus?: readonly string[];
  readonly backend: BackendChoice;
}

/**
 * One environment for each trial that runs at a time: the threads divided between them, and with GPUs one GPU each, the only one it sees.
 * @throws OptionError for more trials than threads, or GPUs for a backend that uses none
 */
export function workerEnvironments(
  { parallel, gpus, backend }: WorkerPlaces,
  environment: NodeJS.ProcessEnv = process.env,
  threads = resolveThreadCount(),
): NodeJS.ProcessEnv[] {
  if (gpus && backend !== "auto" && backend !== "native-cuda")
    throw new OptionError(expected("native-cuda", "--backend with --gpus", backend));
  const places = gpus?.length ?? parallel;
  if (!gpus && places > threads) {
    throw new OptionError(expected(`at most ${threads}, one for each thread`, "--parallel", parallel), {
      hint: "SHOWTELL_THREADS says how many threads there are, if not one for each processor.",
    });
  }
  const share = String(Math.max(1, Math.floor(threads / places)));
  return Array.from({ length: places }, (_, place) => ({
    ...environment,
    ...(places > 1 && { SHOWTELL_THREADS: share }),
    ...(gpus && { CUDA_VISIBLE_DEVICES: gpus[place] }),
  }));
}
