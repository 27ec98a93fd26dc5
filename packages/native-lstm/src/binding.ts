/**
 * The types of showtell_native.node, and nothing else. Matrices are row-major Float32Array, token ids and row indices Int32Array.
 *
 * Every method that computes returns a promise; calls on one decoder run one after another in call order. Errors carry `code` (NativeErrorCode).
 * Contract of lifetimes: arrays handed over stay referenced until the promise settles; a handle may be disposed twice.
 */
import type { AdamUpdate, DecoderSpec, LossScale, LossSum, SearchOptions, StepResult } from "@showtell/core/captioning";

export type NativeDevice = "cpu" | "cuda";

export type NativeErrorCode = "shape" | "option" | "disposed" | "unavailable" | "memory";

/** Name → values, flat. Names and sizes come from core's `parameterShapes`. */
export type NativeParameters = Record<string, Float32Array>;

export interface NativeAddon {
  readonly version: string;
  /** @throws `unavailable` with the reason where the device is not there: "built without CUDA", "no driver", … */
  deviceInfo(device: NativeDevice): NativeDeviceInfo;
  /** Threads of every later call, for all decoders of the process. */
  setThreadCount(count: number): void;
  readonly Decoder: new (
    spec: DecoderSpec,
    parameters: NativeParameters,
    options: { readonly device: NativeDevice; readonly precision: string },
  ) => NativeDecoder;
}

export interface NativeDeviceInfo {
  readonly kind: NativeDevice;
  /** One line: processor, instruction set, threads, BLAS. */
  readonly description: string;
  readonly memoryBytes?: number;
  /** Library → version, as found at run time; "blas" → "built-in" where none was found. */
  readonly libraries: Record<string, string>;
  readonly threads: number;
}

/** Recurrent state of `rows` hypotheses; belongs to the decoder that made it. */
export interface NativeState {
  readonly rows: number;
  dispose(): void;
}

export interface NativeDecoder {
  /** pooled `[images, featureSize]`, grid `[images, cells, gridFeatureSize]`: floats, or halves as their bits (`undefined` and 0 cells without attention) */
  start(pooled: Float32Array, images: number, grid: NativeGrid | undefined, cells: number): Promise<NativeState>;
  /** tokenIds `[rows]` → logits `[rows, vocabSize]` */
  step(state: NativeState, tokenIds: Int32Array): Promise<Float32Array>;
  sampleStep(
    state: NativeState,
    tokenIds: Int32Array,
    uniforms: Float64Array,
    temperature: number,
  ): Promise<Int32Array>;
  gatherRows(state: NativeState, rows: Int32Array): Promise<void>;
  /** → `[rows, cells]` */
  readAttention(state: NativeState): Promise<Float32Array>;
  generate(
    pooled: Float32Array,
    images: number,
    grid: NativeGrid | undefined,
    cells: number,
    options: SearchOptions,
  ): Promise<NativeGenerated>;
  trainStep(batch: NativeBatch, update: AdamUpdate): Promise<StepResult>;
  evaluateLoss(batch: NativeBatch): Promise<LossSum>;
  readParameters(): Promise<NativeParameters>;
  writeParameters(parameters: NativeParameters): Promise<void>;
  readGradients(): Promise<NativeParameters>;
  readAverages(): Promise<NativeParameters>;
  readOptimizerState(): Promise<NativeOptimizerState>;
  writeOptimizerState(state: NativeOptimizerState): Promise<void>;
  dispose(): void;
}

/** Floats, or halves as their bits. */
export type NativeGrid = Float32Array | Uint16Array;

export interface NativeBatch {
  /** `[images, featureSize]` */
  readonly pooled: Float32Array;
  readonly images: number;
  /** `[images, cells, gridFeatureSize]` */
  readonly grid?: NativeGrid;
  readonly cells: number;
  /** `[batchSize]` */
  readonly imageOfRow: Int32Array;
  readonly batchSize: number;
  readonly timeSteps: number;
  /** `[batchSize, timeSteps]` */
  readonly tokenIds: Int32Array;
  /** `[batchSize]` */
  readonly lengths: Int32Array;
  /** `[batchSize, timeSteps]` */
  readonly tokenWeights?: Float32Array;
  /** `[batchSize, timeSteps]`, column 0 ignored */
  readonly inputTokenIds?: Int32Array;
  readonly labelSmoothing: number;
  readonly dropoutSeed: number;
}

export interface NativeOptimizerState {
  readonly step: number;
  readonly firstMoments: NativeParameters;
  readonly secondMoments: NativeParameters;
  readonly averages?: NativeParameters;
  readonly lossScale?: LossScale;
}

/** The captions of all images one after another, best first within an image. */
export interface NativeGenerated {
  /** `[images]` */
  readonly captionCounts: Int32Array;
  /** `[captions]`, `<end>` counted */
  readonly lengths: Int32Array;
  /** `[Σ lengths]` */
  readonly tokenIds: Int32Array;
  /** `[Σ lengths]` */
  readonly logProbs: Float64Array;
  /** `[captions]` */
  readonly scores: Float64Array;
  /** `[captions]` */
  readonly normalizedScores: Float64Array;
  /** `[captions]`: 1 where the caption was cut */
  readonly endedByMaxLength: Uint8Array;
}
