import * as tf from "@tensorflow/tfjs-core";
import { DisposedError, expected, OptionError } from "../../errors.js";
import { toFloat32 } from "../../float16.js";
import type { NamedTensors, Tensor } from "../../tensor.js";
import type {
  AdamUpdate,
  Backend,
  BackendDecoder,
  DecoderState,
  Features,
  LossSum,
  OptimizerState,
  StepResult,
  TrainingBatch,
} from "../backend.js";
import { CallQueue } from "../call-queue.js";
import {
  checkAdamUpdate,
  checkFeatures,
  checkOptimizerState,
  checkParameters,
  checkRowIndices,
  checkTokenIds,
  checkTrainingBatch,
} from "../check-arguments.js";
import { type DecoderSpec, START_TOKEN_ID } from "../decoder-spec.js";
import { parameterShapes } from "../parameter-shapes.js";
import { Adam, globalNorm } from "./adam.js";
import { DeviceParameters, disposeAll, download, upload } from "./device-parameters.js";
import type { RunningStatistics } from "./normalization.js";
import { type PackedBatch, packBatch } from "./packed-batch.js";
import { PackedDropout } from "./packed-dropout.js";
import {
  advanceState,
  disposeState,
  gatherState,
  type RecurrentState,
  startState,
  stateAttention,
} from "./recurrent-state.js";
import type { TfjsDevice } from "./tfjs-devices.js";
import { type DeviceFeatures, tokenLosses } from "./token-losses.js";

export class TfjsDecoder implements BackendDecoder {
  readonly spec: DecoderSpec;
  readonly backend: Backend;
  private readonly device: TfjsDevice;
  private readonly queue = new CallQueue();
  private readonly parameters: Map<string, tf.Tensor>;
  private readonly trainable: readonly string[];
  private readonly states = new Set<TfjsState>();
  private readonly adam = new Adam();
  private gradients = new Map<string, tf.Tensor>();
  private disposed = false;

  /** @param parameters checked by the backend */
  constructor(backend: Backend, device: TfjsDevice, spec: DecoderSpec, parameters: NamedTensors) {
    this.backend = backend;
    this.device = device;
    this.spec = spec;
    const shapes = parameterShapes(spec);
    this.trainable = shapes.filter((shape) => shape.trainable).map(({ name }) => name);
    this.parameters = device.run(() => new Map(shapes.map(({ name }) => [name, upload(parameters.get(name)!)])));
  }

  async start(features: Features): Promise<DecoderState> {
    this.assertUsable();
    checkFeatures(this.spec, features);
    return this.enqueue(() => {
      const onDevice = uploadFeatures(features);
      const recurrent = startState(this.spec, this.table(), onDevice);
      onDevice.pooled.dispose();
      onDevice.grid?.dispose();
      const state = new TfjsState(this, recurrent, features.pooled.shape[0]!, (free) => this.free(free));
      this.states.add(state);
      return state;
    });
  }

  async step(handle: DecoderState, tokenIds: Int32Array): Promise<Tensor> {
    const state = this.own(handle);
    checkTokenIds(this.spec, tokenIds, state.rows);
    if (state.stepCount === 0 && tokenIds.some((tokenId) => tokenId !== START_TOKEN_ID)) {
      throw new OptionError(expected("<start> on every row", "the first step", Array.from(tokenIds)));
    }
    state.stepCount++;
    const { rows } = state;
    return this.enqueue(async () => {
      const { next, logits } = advanceState(this.spec, this.table(), state.recurrent, tokenIds);
      state.replace(next);
      return { shape: [rows, this.spec.vocabSize], data: await take(logits) };
    });
  }

  async gatherRows(handle: DecoderState, rows: Int32Array): Promise<void> {
    const state = this.own(handle);
    checkRowIndices(rows, state.rows);
    state.rows = rows.length;
    return this.enqueue(() => state.replace(gatherState(state.recurrent, rows)));
  }

  async readAttention(handle: DecoderState): Promise<Tensor> {
    const state = this.own(handle);
    if (!this.spec.attention)
      throw new OptionError(expected("a decoder with attention", "readAttention", "one without"));
    if (state.stepCount === 0) {
      throw new OptionError(expected("a state that has made a step", "readAttention", "one before its first step"));
    }
    return this.enqueue(async () => {
      const weights = stateAttention(this.table(), state.recurrent);
      return { shape: [...weights.shape], data: await take(weights) };
    });
  }

  async trainStep(batch: TrainingBatch, update: AdamUpdate): Promise<StepResult> {
    this.assertUsable();
    checkTrainingBatch(this.spec, batch);
    checkAdamUpdate(update);
    return this.enqueue(async () => {
      const packed = packBatch(batch);
      const running: RunningStatistics = new Map();
      const { losses, norm, gradients } = this.differentiate(batch, packed, running);
      this.adam.update(this.parameters, gradients, norm, update);
      for (const [name, statistic] of running) {
        this.parameters.get(name)?.dispose();
        this.parameters.set(name, statistic);
      }
      disposeAll(this.gradients);
      this.gradients = gradients;
      const gradientNorm = (await take(norm))[0]!;
      return { ...sumLosses(await take(losses), packed), gradientNorm };
    });
  }

  async evaluateLoss(batch: TrainingBatch): Promise<LossSum> {
    this.assertUsable();
    checkTrainingBatch(this.spec, batch);
    return this.enqueue(async () => {
      const packed = packBatch(batch);
      const losses = tf.tidy(() => {
        const features = uploadFeatures(batch.features);
        return tokenLosses(this.spec, this.table(), features, packed, batch.labelSmoothing);
      });
      return sumLosses(await take(losses), packed);
    });
  }

  async readParameters(): Promise<NamedTensors> {
    this.assertUsable();
    return this.enqueue(() => download(this.parameters));
  }

  async writeParameters(parameters: NamedTensors): Promise<void> {
    this.assertUsable();
    checkParameters(this.spec, parameters);
    return this.enqueue(() => {
      for (const name of this.parameters.keys()) {
        this.parameters.get(name)!.dispose();
        this.parameters.set(name, upload(parameters.get(name)!));
      }
    });
  }

  async readGradients(): Promise<NamedTensors> {
    this.assertUsable();
    return this.enqueue(() => {
      if (this.gradients.size === 0) {
        throw new OptionError(expected("a trainStep before it", "readGradients", "a decoder that has made none"));
      }
      return download(this.gradients);
    });
  }

  async readOptimizerState(): Promise<OptimizerState> {
    this.assertUsable();
    return this.enqueue(() => this.adam.read());
  }

  async writeOptimizerState(state: OptimizerState): Promise<void> {
    this.assertUsable();
    checkOptimizerState(this.spec, state);
    return this.enqueue(() => this.adam.write(state));
  }

  async readAverages(): Promise<NamedTensors> {
    this.assertUsable();
    return this.enqueue(() => {
      const averages = this.adam.weightAverages;
      if (!averages) {
        throw new OptionError(
          expected("a trainStep with averageDecay before it", "readAverages", "a decoder without averages"),
        );
      }
      return download(new Map([...this.parameters].map(([name, tensor]) => [name, averages.get(name) ?? tensor])));
    });
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const state of this.states) state.dispose();
    this.free(() => {
      for (const tensors of [this.parameters, this.gradients]) disposeAll(tensors);
      this.adam.dispose();
    });
  }

  /** Forward and backward pass of one batch. The gradients' names are the trainable parameters', in their order. */
  private differentiate(batch: TrainingBatch, packed: PackedBatch, running: RunningStatistics) {
    const gradients = new Map<string, tf.Tensor>();
    const parameters = this.trainable.map((name) => this.parameters.get(name)!);
    const { losses, norm } = tf.tidy(() => {
      const features = uploadFeatures(batch.features);
      const dropout = new PackedDropout(this.spec, packed, batch.dropoutSeed);
      const forward = () =>
        tokenLosses(this.spec, this.table(), features, packed, batch.labelSmoothing, { dropout, running });
      // Losses leave unweighted; their weights enter as the gradient that comes from above: of Σ weight · loss / tokenCount.
      const tokenCount = packed.targetIds.length;
      const lossGradient = tf.tensor1d(packed.weights.map((weight) => weight / tokenCount));
      const { value, grads } = tf.engine().gradients(forward, parameters, lossGradient, true);
      for (const [index, name] of this.trainable.entries()) {
        // A parameter the batch does not touch (the embedding, when every caption is a lone <end>) has a gradient of zero.
        gradients.set(name, tf.keep(grads[index] ?? tf.zerosLike(parameters[index]!)));
      }
      return { losses: value, norm: globalNorm([...gradients.values()]) };
    });
    return { losses, norm, gradients };
  }

  private table(): DeviceParameters {
    return new DeviceParameters(this.parameters);
  }

  private enqueue<T>(job: () => T | Promise<T>): Promise<T> {
    return this.queue.run(() => this.device.run(job));
  }

  private free(release: () => void): void {
    this.queue.whenIdle(release);
  }

  private assertUsable(): void {
    if (this.disposed) throw new DisposedError(expected("a decoder in use", "decoder", "one that was disposed"));
  }

  private own(handle: DecoderState): TfjsState {
    this.assertUsable();
    if (!(handle instanceof TfjsState) || handle.decoder !== this) {
      throw new OptionError(expected("a state made by this decoder", "state", "one of another"));
    }
    if (handle.isDisposed) throw new DisposedError(expected("a state in use", "state", "one that was disposed"));
    return handle;
  }
}

class TfjsState implements DecoderState {
  readonly decoder: TfjsDecoder;
  /** As of the last call made, which may still be waiting. */
  rows: number;
  stepCount = 0;
  isDisposed = false;
  recurrent: RecurrentState;
  private readonly free: (release: () => void) => void;

  constructor(decoder: TfjsDecoder, recurrent: RecurrentState, rows: number, free: (release: () => void) => void) {
    this.decoder = decoder;
    this.recurrent = recurrent;
    this.rows = rows;
    this.free = free;
  }

  replace(next: RecurrentState): void {
    disposeState(this.recurrent, next);
    this.recurrent = next;
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.free(() => disposeState(this.recurrent));
  }
}

function uploadFeatures({ pooled, grid }: Features): DeviceFeatures {
  return {
    pooled: tf.tensor2d(pooled.data, pooled.shape as [number, number]),
    ...(grid ? { grid: tf.tensor3d(toFloat32(grid).data, grid.shape as [number, number, number]) } : {}),
  };
}

/** Reads a tensor and disposes it. */
async function take(tensor: tf.Tensor): Promise<Float32Array> {
  const data = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return data;
}

function sumLosses(losses: Float32Array, { weights }: PackedBatch): LossSum {
  const lossSum = losses.reduce((sum, loss, position) => sum + loss * weights[position]!, 0);
  return { lossSum, tokenCount: losses.length };
}
