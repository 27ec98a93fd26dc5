import { Worker } from "node:worker_threads";
import type { InferenceRequest } from "./inference-protocol.js";

let waiting: Worker | undefined;

/**
 * Starts a thread that loads ONNX Runtime and waits; the next encoder that is opened takes it. For a process that knows from its first line that it will
 * encode an image: loading takes as long as everything else before the first caption. Has an entry of its own so that it can be called before the rest of
 * the package is read. Keeps no process alive.
 */
export function startInference(): void {
  waiting ??= startWorker();
}

/** Ends a thread that was started and that no encoder took: a process that exits while ONNX Runtime is being loaded would crash. */
export async function stopInference(): Promise<void> {
  const worker = waiting;
  waiting = undefined;
  if (worker === undefined) return;
  worker.ref();
  await new Promise((resolve) => {
    worker.once("exit", resolve);
    worker.postMessage({ kind: "close" } satisfies InferenceRequest);
  });
}

/** The thread that waits, or a new one. */
export function takeInferenceWorker(): Worker {
  const worker = waiting ?? startWorker();
  waiting = undefined;
  return worker;
}

function startWorker(): Worker {
  // ONNX Runtime would send usage data to its maker and keep a device number in the user's home. Captioning photos is nobody's business.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  const worker = new Worker(new URL("./inference-worker.mjs", import.meta.url));
  worker.unref();
  return worker;
}
