import type { Worker } from "node:worker_threads";
import { DisposedError, EncoderError, expected } from "../errors.js";
import type { EncoderDevice } from "./encoder-device.js";
import type { InferenceOpening, InferenceOutput, InferenceReply, InferenceRequest } from "./inference-protocol.js";
import { takeInferenceWorker } from "./start-inference.js";

interface Waiting {
  resolve(outputs: InferenceOutput[]): void;
  reject(error: Error): void;
}

/** An ONNX session on a thread of its own. Runs are answered in the order they were asked for. */
export class InferenceThread {
  /** Names the graph has. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly device: EncoderDevice;
  readonly cudaFailure: string | undefined;
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly exited: Promise<void>;
  private nextId = 0;
  private ended: Error | undefined;

  private constructor(worker: Worker, ready: Extract<InferenceReply, { kind: "ready" }>, name: string) {
    this.worker = worker;
    this.inputs = ready.inputs;
    this.outputs = ready.outputs;
    this.device = ready.device;
    this.cudaFailure = ready.cudaFailure;
    this.exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.fail(new EncoderError(`The inference thread of encoder ${name} ended with code ${code}.`));
        resolve();
      });
    });
    worker.on("message", (reply: InferenceReply) => this.settle(reply, name));
    worker.on("error", (error) =>
      this.fail(new EncoderError(`Encoder ${name} failed: ${error.message}.`, { cause: error })),
    );
    // An idle encoder that nobody disposed of must not keep the process alive.
    worker.unref();
  }

  /** @throws EncoderError when the file is missing, is not the one the spec names, or is no usable ONNX model. */
  static async open(opening: InferenceOpening, name: string): Promise<InferenceThread> {
    const worker = takeInferenceWorker();
    worker.ref();
    const first = await new Promise<InferenceReply>((resolve) => {
      const unusable = (message: string) => resolve({ kind: "unusable", message });
      worker.once("message", resolve);
      worker.once("error", (error) => unusable(messageOf(error)));
      worker.once("exit", (code) => unusable(`the inference thread ended with code ${code}`));
      worker.postMessage({ kind: "open", opening } satisfies InferenceRequest);
    });
    if (first.kind === "ready") return new InferenceThread(worker, first, name);
    await worker.terminate();
    if (first.kind === "mismatch") {
      throw new EncoderError(expected(`a file with sha256 ${opening.sha256}`, opening.onnxPath, first.sha256), {
        hint: "The weights are damaged or belong to another spec: import the encoder again.",
      });
    }
    const reason = first.kind === "unusable" ? first.message : first.kind;
    const onGpu = opening.device === "cuda";
    throw new EncoderError(expected(`a usable ONNX file${onGpu ? " and CUDA device" : ""}`, opening.onnxPath, reason), {
      hint: onGpu
        ? "`showtell doctor` says what the CUDA provider needs; leave the device out to take the CPU."
        : "Check that the file exists and opens in ONNX Runtime.",
    });
  }

  /**
   * One run; `data` is handed over and must not be used again.
   * @throws EncoderError when the graph refuses the input; DisposedError after close().
   */
  run(data: Uint8Array | Float32Array, shape: number[], outputs: string[]): Promise<InferenceOutput[]> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const id = this.nextId++;
    const request: InferenceRequest = { kind: "run", id, data, shape, outputs };
    return new Promise((resolve, reject) => {
      if (this.waiting.size === 0) this.worker.ref();
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage(request, [data.buffer as ArrayBuffer]);
    });
  }

  /** Runs asked for and not answered. */
  get pending(): number {
    return this.waiting.size;
  }

  /** Lets runs already asked for finish, then ends the thread. Idempotent. */
  async close(): Promise<void> {
    if (this.ended === undefined) {
      this.ended = new DisposedError("The encoder was used after dispose().");
      this.worker.ref();
      this.worker.postMessage({ kind: "close" } satisfies InferenceRequest);
    }
    await this.exited;
  }

  private settle(reply: InferenceReply, name: string): void {
    if (reply.kind !== "done" && reply.kind !== "failed") return;
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if (this.waiting.size === 0 && this.ended === undefined) this.worker.unref();
    if (reply.kind === "done") waiting?.resolve(reply.outputs);
    else waiting?.reject(new EncoderError(`Encoder ${name} refused a batch: ${reply.message}.`));
  }

  private fail(error: EncoderError): void {
    this.ended ??= error;
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
