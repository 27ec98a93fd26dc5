/**
 * THE contract between Showtell and whatever does the arithmetic. A backend owns parameters, optimizer moments and recurrent state behind handles;
 * small host arrays with explicit shapes cross by value. Search, training loop, schedules and sampling live in core and use only what is below.
 * A backend may take over a whole search (`generate`); it is then held to core's search over the same backend's `step`, result by result.
 *
 * Calls on one decoder run one after another in the order they were made; each returns at once and settles later. Arrays handed over must not be
 * changed until the call settles. After `dispose()` every call rejects with DisposedError; calls already made still settle.
 */
import type { Generated, SearchOptions } from "../generation/search-options.js";
import type { Float16Tensor, NamedTensors, Tensor } from "../tensor.js";
import type { DecoderSpec } from "./decoder-spec.js";

export type BackendName = "native-cuda" | "native-cpu" | "tfjs";

/** Arithmetic of the decoder. `exact` and `float16` exist for CUDA decoding, `tf32` and `float16` for CUDA training; float32 everywhere. */
export type Precision = "float32" | "exact" | "float16" | "tf32";

export interface DeviceInfo {
  readonly kind: "cpu" | "cuda";
  /** One line for people: `tfjs 4.22 wasm (SIMD)`, `AMD EPYC, AVX2, 2 threads, OpenBLAS 0.3.21`, `NVIDIA H100`. */
  readonly description: string;
  readonly memoryBytes?: number;
  /** Library → version, as found at run time. */
  readonly libraries: Readonly<Record<string, string>>;
}

export interface Backend {
  readonly name: BackendName;
  readonly device: DeviceInfo;
  /** `true`, or the reason why not; the registry then goes on to the next backend. */
  supports(spec: DecoderSpec): true | string;
  /**
   * @param parameters exactly the names and shapes of `parameterShapes(spec)`.
   * @throws ShapeError naming the first parameter that is missing, surplus or of another shape; OptionError for a precision it does not have.
   */
  createDecoder(
    spec: DecoderSpec,
    parameters: NamedTensors,
    options?: { readonly precision?: Precision },
  ): Promise<BackendDecoder>;
  dispose(): Promise<void>;
}

/** Image features as the decoder takes them: standardised by the caller where the checkpoint says so. */
export interface Features {
  /** `[images, featureSize]` */
  readonly pooled: Tensor;
  /** `[images, cells, gridFeatureSize]`; required iff the spec has attention. Halves count as the float32 that they stand for. */
  readonly grid?: Tensor | Float16Tensor;
}

/** How `sampleStep` draws. */
export interface TokenDraws {
  /**
   * `[rows]` The token drawn is where the row's cumulative distribution, in the order of token ids, passes this number of [0, 1). A number below 0 asks for
   * the likeliest token, the lower id of equal ones.
   */
  readonly uniforms: Float64Array;
  /** What logits are divided by, > 0. */
  readonly temperature: number;
}

/** Recurrent state of `rows` hypotheses, in backend memory. Belongs to the decoder that made it. */
export interface DecoderState {
  readonly rows: number;
  /** Idempotent. */
  dispose(): void;
}

export interface BackendDecoder {
  readonly spec: DecoderSpec;
  readonly backend: Backend;

  // Generation, one time step; dropout off, running statistics used.

  /** A state with one row per image, before the first token. */
  start(features: Features): Promise<DecoderState>;
  /**
   * Feeds one token a row and advances the state. The first step after `start` must be fed `<start>` on every row (with `first-input` the image
   * stands in its place).
   * @param tokenIds `[rows]`
   * @returns logits `[rows, vocabSize]`
   */
  step(state: DecoderState, tokenIds: Int32Array): Promise<Tensor>;
  /**
   * As `step`, but draws each row's next token where the logits are: of softmax(logits / temperature) over the tokens that captions have, which are all but
   * `<pad>`, `<start>` and `<unk>`. Optional; absent, core draws from the logits of `step`.
   * @returns token ids `[rows]`
   */
  sampleStep?(state: DecoderState, tokenIds: Int32Array, draws: TokenDraws): Promise<Int32Array>;
  /**
   * Replaces the state's rows by `rows[i]` of the old ones: widening, reordering and dropping are all gathers. Rows keep their image.
   * @param rows indices into the old rows; any length ≥ 1
   */
  gatherRows(state: DecoderState, rows: Int32Array): Promise<void>;
  /** Attention of the last step, averaged over heads, `[rows, cells]`. Rejects with OptionError without attention or before the first step. */
  readAttention(state: DecoderState): Promise<Tensor>;
  /** Whole search on the device. Optional; absent, or refusing `options` through `supportsSearch`, core searches over `step`. */
  generate?(features: Features, options: SearchOptions): Promise<Generated[]>;
  /** Whether `generate` takes these options; the string is the reason why not. */
  supportsSearch?(options: SearchOptions): true | string;

  // Training.

  /** Forward, backward, global-norm clip, Adam, running statistics, weight average. Callers keep at most two in flight. */
  trainStep(batch: TrainingBatch, update: AdamUpdate): Promise<StepResult>;
  /** Teacher forcing, no dropout, running statistics. */
  evaluateLoss(batch: TrainingBatch): Promise<LossSum>;
  /** Copies. All names of `parameterShapes`. */
  readParameters(): Promise<NamedTensors>;
  writeParameters(parameters: NamedTensors): Promise<void>;
  /** Gradient of lossSum / tokenCount of the last trainStep, before clipping, for the trainable names. */
  readGradients(): Promise<NamedTensors>;
  readOptimizerState(): Promise<OptimizerState>;
  writeOptimizerState(state: OptimizerState): Promise<void>;
  /**
   * The exponential moving average of the parameters (Adam's `averageDecay`); for names that are not trainable, the current value.
   * Rejects with OptionError while no step with averageDecay was made.
   */
  readAverages(): Promise<NamedTensors>;
  /** Idempotent. Frees parameters, optimizer state and all states of this decoder. */
  dispose(): void;
}

/** Captions of a batch, teacher-forced. */
export interface TrainingBatch {
  /** Of the batch's distinct images. */
  readonly features: Features;
  /** `[batch]`: which image each caption describes. */
  readonly imageOfRow: Int32Array;
  readonly batchSize: number;
  /** Longest caption of the batch, `<end>` counted. */
  readonly timeSteps: number;
  /**
   * `[batch, timeSteps]` targets `w₁ … wₙ <end>`, then `<pad>`. The inputs are the same shifted right: `<start>` (or the image), w₁ … wₙ.
   */
  readonly tokenIds: Int32Array;
  /** `[batch]`, `<end>` counted; every length ≥ 1. */
  readonly lengths: Int32Array;
  /** `[batch, timeSteps]` factors of each token's cross-entropy; 1 where absent. May be negative. Ignored at padding. */
  readonly tokenWeights?: Float32Array;
  /**
   * `[batch, timeSteps]` inputs in place of the captions' own: column t is fed at step t (scheduled sampling, Bengio et al. 2015). Column 0 is ignored, as
   * `<start>` or the image comes first; so is padding.
   */
  readonly inputTokenIds?: Int32Array;
  /** ε of Szegedy et al. 2016, §7: target distribution (1 − ε) one-hot + ε / vocabSize. */
  readonly labelSmoothing: number;
  /** Key of the dropout masks; unused by evaluateLoss. */
  readonly dropoutSeed: number;
}

/** Adam (Kingma & Ba 2015, algorithm 1: p −= lr · m̂ / (√v̂ + ε)) after clipping by global norm (Pascanu et al. 2013). */
export interface AdamUpdate {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Gradients are scaled by min(1, clipNorm / ‖g‖) over all trainable parameters together; absent = no clip. */
  readonly clipNorm?: number;
  /** Decay of the weight average, average ← d · average + (1 − d) · parameter, after the update; started at the parameters before the first such step. */
  readonly averageDecay?: number;
}

/** Sums, never means: batches add up exactly. */
export interface LossSum {
  /** Σ weight · cross-entropy, in nats. */
  readonly lossSum: number;
  /** Σ lengths, whatever the weights. */
  readonly tokenCount: number;
}

export interface StepResult extends LossSum {
  /** Global norm of the gradient of lossSum / tokenCount, before clipping. */
  readonly gradientNorm: number;
}

export interface OptimizerState {
  /** Updates made so far. */
  readonly step: number;
  /** For the trainable names; empty maps before the first step. */
  readonly firstMoments: NamedTensors;
  readonly secondMoments: NamedTensors;
  /** Weight averages of the trainable names, where they are kept. */
  readonly averages?: NamedTensors;
  /** Where gradients are scaled (float16). Written to a decoder that scales none it means nothing. */
  readonly lossScale?: LossScale;
}

/** Dynamic loss scaling (Micikevicius et al. 2018, §3.2). */
export interface LossScale {
  /** What losses are multiplied by, ≥ 1. */
  readonly factor: number;
  /** Steps since a gradient last overflowed or the factor last grew. */
  readonly stepsWithoutOverflow: number;
}
