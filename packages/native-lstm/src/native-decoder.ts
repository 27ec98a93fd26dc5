/** Core's BackendDecoder over the addon: checks at the seam, ownership of states, typed errors; the arithmetic is the addon's. */
import {
  type AdamUpdate,
  type Backend,
  type BackendDecoder,
  checkAdamUpdate,
  checkFeatures,
  checkOptimizerState,
  checkParameters,
  checkRowIndices,
  checkTokenDraws,
  checkTokenIds,
  checkTrainingBatch,
  type DecoderSpec,
  type DecoderState,
  DisposedError,
  expected,
  type Features,
  type Generated,
  type GeneratedCaption,
  type LossSum,
  type NamedTensors,
  type OptimizerState,
  OptionError,
  parameterShapes,
  type SearchOptions,
  START_TOKEN_ID,
  type StepResult,
  type Tensor,
  type TokenDraws,
  type TrainingBatch,
  tensor,
} from "@showtell/core/captioning";
import type {
  NativeBatch,
  NativeDecoder,
  NativeGenerated,
  NativeOptimizerState,
  NativeParameters,
  NativeState,
} from "./binding.js";
import { callSite, settle } from "./native-errors.js";

export class NativeBackendDecoder implements BackendDecoder {
  readonly spec: DecoderSpec;
  readonly backend: Backend;
  readonly #native: NativeDecoder;
  readonly #onDispose: () => void;
  #disposed = false;

  constructor(backend: Backend, spec: DecoderSpec, native: NativeDecoder, onDispose: () => void) {
    this.backend = backend;
    this.spec = spec;
    this.#native = native;
    this.#onDispose = onDispose;
  }

  async start(features: Features): Promise<DecoderState> {
    const site = callSite(this.start);
    this.#demandAlive();
    checkFeatures(this.spec, features);
    const { pooled, images, grid, cells } = flatFeatures(features);
    const native = await settle(site, () => this.#native.start(pooled, images, grid, cells));
    return new NativeBackendState(this, native, cells);
  }

  async step(state: DecoderState, tokenIds: Int32Array): Promise<Tensor> {
    const site = callSite(this.step);
    const { native, rows } = this.#beforeStep(state, tokenIds);
    const logits = await settle(site, () => this.#native.step(native, tokenIds));
    return tensor([rows, this.spec.vocabSize], logits, "logits");
  }

  async sampleStep(state: DecoderState, tokenIds: Int32Array, draws: TokenDraws): Promise<Int32Array> {
    const site = callSite(this.sampleStep);
    checkTokenDraws(draws, this.#own(state).rows);
    const { native } = this.#beforeStep(state, tokenIds);
    return settle(site, () => this.#native.sampleStep(native, tokenIds, draws.uniforms, draws.temperature));
  }

  async gatherRows(state: DecoderState, rows: Int32Array): Promise<void> {
    const site = callSite(this.gatherRows);
    const own = this.#own(state);
    checkRowIndices(rows, own.rows);
    // Calls run in order, so those made from now on find the new rows.
    own.rows = rows.length;
    await settle(site, () => this.#native.gatherRows(own.native, rows));
  }

  async readAttention(state: DecoderState): Promise<Tensor> {
    const site = callSite(this.readAttention);
    const { native, rows, cells, hasStepped } = this.#own(state);
    if (this.spec.attention === undefined) {
      throw new OptionError(expected("a decoder with attention", "readAttention", "a decoder without"));
    }
    if (!hasStepped) throw new OptionError(expected("a state after its first step", "readAttention", "a fresh one"));
    const weights = await settle(site, () => this.#native.readAttention(native));
    return tensor([rows, cells], weights, "attention");
  }

  supportsSearch(): true {
    return true;
  }

  async generate(features: Features, options: SearchOptions): Promise<Generated[]> {
    const site = callSite(this.generate);
    this.#demandAlive();
    checkFeatures(this.spec, features);
    const { pooled, images, grid, cells } = flatFeatures(features);
    return unpackGenerated(await settle(site, () => this.#native.generate(pooled, images, grid, cells, options)));
  }

  async trainStep(batch: TrainingBatch, update: AdamUpdate): Promise<StepResult> {
    const site = callSite(this.trainStep);
    this.#demandAlive();
    checkTrainingBatch(this.spec, batch);
    checkAdamUpdate(update);
    return settle(site, () => this.#native.trainStep(nativeBatch(batch), update));
  }

  async evaluateLoss(batch: TrainingBatch): Promise<LossSum> {
    const site = callSite(this.evaluateLoss);
    this.#demandAlive();
    checkTrainingBatch(this.spec, batch);
    return settle(site, () => this.#native.evaluateLoss(nativeBatch(batch)));
  }

  async readParameters(): Promise<NamedTensors> {
    const site = callSite(this.readParameters);
    this.#demandAlive();
    return namedTensors(this.spec, await settle(site, () => this.#native.readParameters()));
  }

  async writeParameters(parameters: NamedTensors): Promise<void> {
    const site = callSite(this.writeParameters);
    this.#demandAlive();
    checkParameters(this.spec, parameters);
    await settle(site, () => this.#native.writeParameters(nativeParameters(parameters)));
  }

  async readGradients(): Promise<NamedTensors> {
    const site = callSite(this.readGradients);
    this.#demandAlive();
    return namedTensors(this.spec, await settle(site, () => this.#native.readGradients()));
  }

  async readAverages(): Promise<NamedTensors> {
    const site = callSite(this.readAverages);
    this.#demandAlive();
    return namedTensors(this.spec, await settle(site, () => this.#native.readAverages()));
  }

  async readOptimizerState(): Promise<OptimizerState> {
    const site = callSite(this.readOptimizerState);
    this.#demandAlive();
    const state = await settle(site, () => this.#native.readOptimizerState());
    return {
      step: state.step,
      firstMoments: namedTensors(this.spec, state.firstMoments),
      secondMoments: namedTensors(this.spec, state.secondMoments),
      ...(state.averages !== undefined && { averages: namedTensors(this.spec, state.averages) }),
      ...(state.lossScale !== undefined && { lossScale: state.lossScale }),
    };
  }

  async writeOptimizerState(state: OptimizerState): Promise<void> {
    const site = callSite(this.writeOptimizerState);
    this.#demandAlive();
    checkOptimizerState(this.spec, state);
    const native: NativeOptimizerState = {
      step: state.step,
      firstMoments: nativeParameters(state.firstMoments),
      secondMoments: nativeParameters(state.secondMoments),
      ...(state.averages !== undefined && { averages: nativeParameters(state.averages) }),
      ...(state.lossScale !== undefined && { lossScale: state.lossScale }),
    };
    await settle(site, () => this.#native.writeOptimizerState(native));
  }

  dispose(): void {
    this.#disposed = true;
    this.#native.dispose();
    this.#onDispose();
  }

  #demandAlive(): void {
    if (this.#disposed) throw new DisposedError("Expected a live decoder but received one that was disposed.");
  }

  #beforeStep(state: DecoderState, tokenIds: Int32Array): NativeBackendState {
    const own = this.#own(state);
    checkTokenIds(this.spec, tokenIds, own.rows);
    if (!own.hasStepped && tokenIds.some((tokenId) => tokenId !== START_TOKEN_ID)) {
      throw new OptionError(expected("<start> on every row", "the first step", Array.from(tokenIds)));
    }
    own.hasStepped = true;
    return own;
  }

  #own(state: DecoderState): NativeBackendState {
    this.#demandAlive();
    if (!(state instanceof NativeBackendState) || state.decoder !== this) {
      throw new OptionError(expected("a state that this decoder started", "state", "a foreign one"));
    }
    if (state.disposed) throw new DisposedError("Expected a live decoder state but received one that was disposed.");
    return state;
  }
}

class NativeBackendState implements DecoderState {
  rows: number;
  disposed = false;
  hasStepped = false;

  constructor(
    readonly decoder: NativeBackendDecoder,
    readonly native: NativeState,
    readonly cells: number,
  ) {
    this.rows = native.rows;
  }

  dispose(): void {
    this.disposed = true;
    this.native.dispose();
  }
}

function flatFeatures(features: Features) {
  return {
    pooled: features.pooled.data,
    images: features.pooled.shape[0]!,
    grid: features.grid?.data,
    cells: features.grid?.shape[1] ?? 0,
  };
}

function nativeBatch(batch: TrainingBatch): NativeBatch {
  const { features, ...rest } = batch;
  const { pooled, images, grid, cells } = flatFeatures(features);
  return { ...rest, pooled, images, ...(grid !== undefined && { grid }), cells };
}

export function nativeParameters(parameters: NamedTensors): NativeParameters {
  return Object.fromEntries([...parameters].map(([name, { data }]) => [name, data]));
}

/** The names the addon gave, in the order and with the shapes of the spec. */
function namedTensors(spec: DecoderSpec, native: NativeParameters): NamedTensors {
  const tensors = new Map<string, Tensor>();
  for (const { name, shape } of parameterShapes(spec)) {
    const data = native[name];
    if (data !== undefined) tensors.set(name, tensor(shape, data, name));
  }
  return tensors;
}

function unpackGenerated(packed: NativeGenerated): Generated[] {
  let caption = 0;
  let token = 0;
  return Array.from(packed.captionCounts, (count) => {
    const captions: GeneratedCaption[] = [];
    for (let end = caption + count; caption < end; caption++) {
      const next = token + packed.lengths[caption]!;
      captions.push({
        tokenIds: Array.from(packed.tokenIds.subarray(token, next)),
        logProbs: Array.from(packed.logProbs.subarray(token, next)),
        score: packed.scores[caption]!,
        normalizedScore: packed.normalizedScores[caption]!,
        endedByMaxLength: packed.endedByMaxLength[caption] === 1,
      });
      token = next;
    }
    return { captions };
  });
}
