import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { EncoderError, expected, OptionError } from "../errors.js";
import { loadSharp } from "../image/preprocess-image.js";
import { sizeOf, type Tensor } from "../tensor.js";
import { type EncoderDevice, type EncoderDeviceChoice, resolveEncoderDevice } from "./encoder-device.js";
import { type EncoderOutput, type EncoderSpec, encoderFingerprint, parseEncoderSpec } from "./encoder-spec.js";
import type { InferenceOpening, InferenceOutput } from "./inference-protocol.js";
import { InferenceThread } from "./inference-thread.js";
import { pixelTensor } from "./pixel-tensor.js";
import { resolveThreadCount } from "./thread-count.js";

/** Features of a batch of images: of each output that the encoder was opened for. */
export interface EncodedBatch {
  /** `[images, featureSize]` */
  readonly pooled?: Tensor;
  /** `[images, cells, grid featureSize]`, cells row by row from the top left */
  readonly grid?: Tensor;
}

export interface OpenEncoderOptions {
  /** Outputs to compute; default `["pooled"]`. */
  readonly outputs?: readonly EncoderOutput[];
  /** Default: SHOWTELL_THREADS, else every core. */
  readonly threads?: number;
  /**
   * Networks side by side, each with its share of the threads; default 1, never more than threads. Several are faster for many images, because threads that
   * share one image wait for each other at every layer; one is faster for a single image. Features are the same. On a GPU there is one.
   */
  readonly sessions?: number;
  /**
   * Default: the variable SHOWTELL_ENCODER_DEVICE, else `auto`: an NVIDIA GPU where ONNX Runtime's CUDA provider is installed and works, else the CPU. Features
   * differ between the two by rounding.
   */
  readonly device?: EncoderDeviceChoice;
}

/** A CNN that turns squares of pixels into features. Runs on a thread of its own: the caller's thread stays free. */
export interface ImageEncoder {
  readonly spec: EncoderSpec;
  /** Features with the same fingerprint are interchangeable. */
  readonly fingerprint: string;
  readonly outputs: readonly EncoderOutput[];
  readonly device: EncoderDevice;
  /** Why it runs on the CPU although ONNX Runtime's CUDA provider is installed; absent where that is not so. */
  readonly cudaFailure?: string;
  /** Batches it works on at the same time. */
  readonly sessions: number;
  /** Of the pooled vector. */
  readonly featureSize: number;
  /** Shape of the grid, where the encoder has one. */
  readonly grid?: { readonly cells: number; readonly featureSize: number };
  /**
   * @param images squares of RGB bytes, each `[size, size, 3]`, as `preprocessImage` makes them; at least one
   * @throws EncoderError when the graph refuses them; DisposedError.
   */
  encode(images: readonly Uint8Array[]): Promise<EncodedBatch>;
  /** Lets batches in flight finish. Idempotent. */
  dispose(): Promise<void>;
}

/**
 * Reads and checks an encoder's spec.
 * @throws EncoderError when the file is missing or malformed.
 */
export async function readEncoderSpec(specPath: string): Promise<EncoderSpec> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(specPath, "utf8"));
  } catch (error) {
    throw new EncoderError(
      expected("the JSON file of an encoder spec", specPath, error instanceof Error ? error.message : error),
      {
        hint: "`showtell encoder list` shows the encoders that are installed.",
        cause: error,
      },
    );
  }
  return parseEncoderSpec(json, specPath);
}

/**
 * Opens an encoder by its spec; the ONNX file lies beside it.
 * @throws EncoderError when spec or weights are missing, damaged or do not fit each other, or when the CUDA device that was asked for cannot be used; OptionError
 * for an output the spec lacks.
 */
export async function openEncoder(specPath: string, options: OpenEncoderOptions = {}): Promise<ImageEncoder> {
  const spec = await readEncoderSpec(specPath);
  const outputs = options.outputs ?? ["pooled"];
  if (outputs.length === 0) throw new OptionError(expected("at least one output", "outputs", outputs));
  for (const output of outputs) {
    if (output !== "pooled" && output !== "grid")
      throw new OptionError(expected('"pooled" or "grid"', "outputs", output));
    if (spec.outputs[output] === undefined) {
      throw new OptionError(expected(`outputs of encoder ${spec.name} (pooled)`, "outputs", output), {
        hint: "Choose an encoder with a grid, or a decoder without attention.",
      });
    }
  }
  const onnxPath = join(dirname(resolve(specPath)), spec.onnx);
  const threads = resolveThreadCount(options.threads);
  const sessions = Math.min(checkSessions(options.sessions ?? 1), threads);
  const opening = openThreads(sessions, spec.name, {
    onnxPath,
    sha256: spec.sha256,
    inputName: spec.input.name,
    threads: Math.floor(threads / sessions),
    device: resolveEncoderDevice(options.device),
  });
  // The image library loads here while the network is built over there; if it cannot, the first image says so.
  loadSharp().catch(() => {});
  const encoder = new OnnxEncoder(spec, outputs, await opening);
  try {
    encoder.checkNames();
  } catch (error) {
    await encoder.dispose();
    throw error;
  }
  return encoder;
}

function checkSessions(sessions: number): number {
  if (Number.isSafeInteger(sessions) && sessions >= 1) return sessions;
  throw new OptionError(expected("an integer ≥ 1", "sessions", sessions));
}

async function openThreads(count: number, name: string, opening: InferenceOpening): Promise<InferenceThread[]> {
  if (opening.device === "cpu") return openSideBySide(count, name, opening);
  // One network fills a GPU. Where it turns out to be the CPU after all, the others follow.
  const first = await InferenceThread.open(opening, name);
  if (first.device === "cuda") return [first];
  try {
    return [first, ...(await openSideBySide(count - 1, name, { ...opening, device: "cpu" }))];
  } catch (error) {
    await first.close();
    throw error;
  }
}

async function openSideBySide(count: number, name: string, opening: InferenceOpening): Promise<InferenceThread[]> {
  const opened = await Promise.allSettled(Array.from({ length: count }, () => InferenceThread.open(opening, name)));
  const failed = opened.find((result) => result.status === "rejected");
  const threads = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (failed === undefined) return threads;
  for (const thread of threads) await thread.close();
  throw failed.reason;
}

class OnnxEncoder implements ImageEncoder {
  readonly spec: EncoderSpec;
  readonly fingerprint: string;
  readonly outputs: readonly EncoderOutput[];
  readonly featureSize: number;
  readonly grid?: { cells: number; featureSize: number };
  readonly sessions: number;
  readonly device: EncoderDevice;
  readonly cudaFailure?: string;
  private readonly threads: readonly InferenceThread[];

  constructor(spec: EncoderSpec, outputs: readonly EncoderOutput[], threads: readonly InferenceThread[]) {
    this.spec = spec;
    this.fingerprint = encoderFingerprint(spec);
    this.outputs = outputs;
    this.featureSize = spec.outputs.pooled.size;
    const { grid } = spec.outputs;
    if (grid !== undefined) this.grid = { cells: grid.cells, featureSize: grid.size };
    this.threads = threads;
    this.sessions = threads.length;
    const [{ device, cudaFailure }] = threads as [InferenceThread];
    this.device = device;
    if (cudaFailure !== undefined) this.cudaFailure = cudaFailure;
  }

  checkNames(): void {
    const { name, input } = this.spec;
    const { inputs, outputs } = this.threads[0]!;
    if (inputs.length !== 1 || inputs[0] !== input.name) {
      throw new EncoderError(expected(`the only input "${input.name}"`, `the graph of encoder ${name}`, inputs));
    }
    for (const output of this.outputs) {
      const wanted = this.spec.outputs[output]!.name;
      if (!outputs.includes(wanted)) {
        throw new EncoderError(expected(`an output "${wanted}"`, `the graph of encoder ${name}`, outputs));
      }
    }
  }

  async encode(images: readonly Uint8Array[]): Promise<EncodedBatch> {
    const { size } = this.spec.input;
    for (const pixels of images) {
      if (pixels.length !== size * size * 3) {
        throw new OptionError(expected(`${size} x ${size} x 3 bytes`, "an image", pixels.length));
      }
    }
    if (images.length === 0) throw new OptionError(expected("at least one image", "images", 0));
    const { data, shape } = pixelTensor(images, this.spec.input);
    const names = this.outputs.map((output) => this.spec.outputs[output]!.name);
    const idlest = this.threads.reduce((least, thread) => (thread.pending < least.pending ? thread : least));
    const results = await idlest.run(data, shape, names);
    const batch: { pooled?: Tensor; grid?: Tensor } = {};
    this.outputs.forEach((output, index) => {
      batch[output] =
        output === "pooled" ? this.pooled(results[index]!, images.length) : this.cells(results[index]!, images.length);
    });
    return batch;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  private pooled(result: InferenceOutput, images: number): Tensor {
    this.checkShape(
      result,
      [images, this.featureSize],
      result.shape.slice(2).every((side) => side === 1),
    );
    return { shape: [images, this.featureSize], data: result.data };
  }

  private cells(result: InferenceOutput, images: number): Tensor {
    const { cells, size, layout } = this.spec.outputs.grid!;
    const shape = [images, cells, size];
    const [first, second] = layout === "channels-first" ? [size, cells] : [cells, size];
    const sides = layout === "channels-first" ? result.shape.slice(2) : result.shape.slice(1, -1);
    this.checkShape(result, [images, first, second], sizeOf(sides) === cells);
    return { shape, data: layout === "channels-first" ? channelsLast(result.data, images, cells, size) : result.data };
  }

  private checkShape(result: InferenceOutput, shape: number[], plausible: boolean): void {
    if (plausible && result.shape[0] === shape[0] && result.data.length === sizeOf(shape)) return;
    throw new EncoderError(
      expected(`shape [${shape}]`, `output "${result.name}" of encoder ${this.spec.name}`, `[${result.shape}]`),
      { hint: "Correct the shapes in the encoder's spec." },
    );
  }
}

/** `[images, size, cells]` → `[images, cells, size]` */
function channelsLast(data: Float32Array, images: number, cells: number, size: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let image = 0; image < images; image++) {
    const start = image * cells * size;
    for (let channel = 0; channel < size; channel++) {
      for (let cell = 0; cell < cells; cell++) {
        result[start + cell * size + channel] = data[start + channel * cells + cell]!;
      }
    }
  }
  return result;
}
