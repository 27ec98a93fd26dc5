import type { JsonObject } from "../checkpoint/checkpoint.js";
import type { CheckpointScores } from "../checkpoint/checkpoint-config.js";
import { writeCheckpoint } from "../checkpoint/write-checkpoint.js";
import type { AdamUpdate, BackendDecoder, StepResult, TrainingBatch } from "../decoder/backend.js";
import { AbortedError, expected, RecipeError } from "../errors.js";
import type { EnsembleMember } from "../generation/decoder-ensemble.js";
import { Random } from "../random.js";
import { assembleBatch, dropoutSeedAt, type FeatureFeed, makeAhead } from "./assemble-batch.js";
import { type DevResult, evaluateDev } from "./evaluate-dev.js";
import { afterEpoch, learningRateAt } from "./learning-rate.js";
import type { EpochMetrics } from "./metrics-log.js";
import { batchesPerEpoch, type PlannedBatch, planEpoch } from "./plan-batches.js";
import { checkpointFrame, type PreparedTraining } from "./prepare-training.js";
import { ProgressMeter, secondsSince } from "./progress-meter.js";
import type { Recipe } from "./recipe-schema.js";
import type { RunFolder } from "./run-folder.js";
import { mixInSamples } from "./scheduled-sampling.js";
import { NO_REWARDS, type RewardSums, SelfCritical } from "./self-critical.js";
import { BATCHES_AHEAD } from "./split-loss.js";
import { checkStopping, isBetter, type StopReason } from "./stopping.js";
import type { TrainingProgress, TrainOptions } from "./train-options.js";
import { NO_SUMS, type TrainingState } from "./training-state.js";

const BATCH_STREAM = 0x62617463;
/** What the backend contract allows. */
const STEPS_IN_FLIGHT = 2;

/** A batch of an epoch, read and laid out. */
interface AssembledBatch {
  readonly planned: PlannedBatch;
  /** Of the run. */
  readonly step: number;
  readonly batch: TrainingBatch;
  /** With the same photos. */
  readonly teacher: EnsembleMember | undefined;
}

/**
 * Epochs of steps, dev evaluation and checkpoints. The state is advanced only by what has certainly been done, so a checkpoint taken between any two steps
 * says exactly where to go on.
 */
export class TrainingLoop {
  state: TrainingState;
  private readonly decoder: BackendDecoder;
  private readonly feed: FeatureFeed;
  private readonly meter = new ProgressMeter();
  private readonly stepsPerEpoch: number;
  private readonly elapsedBefore: number;
  private readonly selfCritical: SelfCritical | undefined;

  constructor(
    private readonly options: TrainOptions,
    private readonly recipe: Recipe,
    private readonly prepared: PreparedTraining,
    private readonly run: RunFolder,
  ) {
    this.state = prepared.state;
    this.decoder = prepared.decoder;
    this.elapsedBefore = prepared.state.elapsedSeconds;
    this.stepsPerEpoch = batchesPerEpoch(prepared.train, recipe.batching);
    this.feed = {
      source: options.features,
      grid: prepared.decoder.spec.attention !== undefined,
      standardization: prepared.standardization,
    };
    this.selfCritical = SelfCritical.of(options, recipe, prepared);
  }

  /** Trains until the end or until the signal; the last checkpoint then says where it stopped. */
  async train(): Promise<void> {
    if (this.state.stopped) return;
    try {
      while (!this.state.stopped) {
        await this.trainEpoch();
        await this.finishEpoch();
      }
    } catch (error) {
      if (!(error instanceof AbortedError) || !this.options.signal?.aborted) throw error;
      await this.saveLast();
    }
  }

  private async trainEpoch(): Promise<void> {
    this.meter.beginEpoch();
    const random = new Random(this.recipe.seed, BATCH_STREAM, this.state.randomPosition);
    const batches = planEpoch(this.prepared.train, this.recipe, random).slice(this.state.stepInEpoch);
    const firstStep = this.state.step;
    const numbered = batches.map((planned, i) => ({ planned, step: firstStep + i }));
    const inFlight: { result: Promise<StepResult>; captions: number; rewards: RewardSums }[] = [];
    const assemble = async ({ planned, step }: (typeof numbered)[number]): Promise<AssembledBatch> => {
      const dropoutSeed = dropoutSeedAt(this.recipe.seed, step);
      const { labelSmoothing } = this.recipe;
      return {
        planned,
        step,
        batch: await assembleBatch(planned, this.feed, { labelSmoothing, dropoutSeed }),
        teacher: await this.prepared.distillation?.chooseTeacher(planned, dropoutSeed),
      };
    };
    const settleOldest = async () => {
      const { result, captions, rewards } = inFlight.shift()!;
      this.countStep(await result, captions, rewards);
    };
    try {
      for await (const assembled of makeAhead(numbered, BATCHES_AHEAD, assemble)) {
        if (this.options.signal?.aborted) break;
        const { step } = assembled;
        const { batch: update, rewards } = await this.chooseTargets(assembled);
        const result = this.decoder.trainStep(update, this.updateAt(step));
        // Awaited two steps later; a rejection before that must not count as unhandled.
        result.catch(() => undefined);
        inFlight.push({ result, captions: update.batchSize, rewards });
        if (inFlight.length === STEPS_IN_FLIGHT) await settleOldest();
        const { checkpointEvery } = this.recipe;
        if (checkpointEvery !== null && (step + 1) % checkpointEvery === 0) {
          while (inFlight.length > 0) await settleOldest();
          await this.saveLast();
        }
      }
      while (inFlight.length > 0) await settleOldest();
    } finally {
      await Promise.allSettled(inFlight.map(({ result }) => result));
    }
    if (this.options.signal?.aborted) throw new AbortedError("The training was stopped.");
  }

  /** What the update learns: the captions as they are, or what the decoder itself or a teacher makes of them. */
  private async chooseTargets({ planned, step, batch, teacher }: AssembledBatch) {
    if (this.selfCritical) return this.selfCritical.draw(planned, batch);
    const { distillation } = this.prepared;
    const update =
      distillation && teacher
        ? await distillation.drawTargets(batch, teacher)
        : await mixInSamples(this.decoder, batch, this.sampledShare(step));
    return { batch: update, rewards: NO_REWARDS };
  }

  private updateAt(step: number): AdamUpdate {
    const { beta1, beta2, epsilon, clipNorm, averageDecay } = this.recipe.optimizer;
    return {
      learningRate: this.learningRate(step),
      beta1,
      beta2,
      epsilon,
      ...(clipNorm !== null && { clipNorm }),
      // Short memory at first (as in TensorFlow's ExponentialMovingAverage with num_updates): the random start is soon forgotten.
      ...(averageDecay !== null && { averageDecay: Math.min(averageDecay, (1 + step) / (10 + step)) }),
    };
  }

  private learningRate(step: number): number {
    return learningRateAt(this.recipe, this.state.learningRate, step, this.recipe.epochs * this.stepsPerEpoch);
  }

  private sampledShare(step: number): number {
    const last = this.recipe.epochs * this.stepsPerEpoch - 1;
    return this.recipe.scheduledSampling * (last === 0 ? 1 : step / last);
  }

  private countStep({ lossSum, tokenCount, gradientNorm }: StepResult, captions: number, rewards: RewardSums): void {
    const { sums, step, stepInEpoch } = this.state;
    if (!Number.isFinite(lossSum) || !Number.isFinite(gradientNorm)) {
      throw new RecipeError(
        expected(
          "a finite loss and gradient",
          `training step ${step + 1}`,
          `loss ${lossSum}, gradient norm ${gradientNorm}`,
        ),
        {
          hint: "Lower optimizer.learningRate or set optimizer.clipNorm; the last checkpoint is from before this step.",
        },
      );
    }
    this.state = {
      ...this.state,
      step: step + 1,
      stepInEpoch: stepInEpoch + 1,
      sums: {
        loss: sums.loss + lossSum,
        tokens: sums.tokens + tokenCount,
        gradientNorm: sums.gradientNorm + gradientNorm,
        reward: sums.reward + rewards.reward,
        sampledWords: sums.sampledWords + rewards.sampledWords,
        samples: sums.samples + rewards.samples,
      },
    };
    this.meter.countStep(captions);
    this.report("training", this.state.stepInEpoch, this.stepsPerEpoch);
  }

  private async finishEpoch(): Promise<void> {
    const times = this.meter.endTraining();
    const start = performance.now();
    const weights = await this.evaluationWeights();
    const dev = await evaluateDev(this.options, this.recipe, this.prepared, {
      weights,
      feed: this.feed,
      onProgress: (stage, done, total) => this.report(stage, done, total),
    });
    this.meter.endEvaluation(secondsSince(start));
    const { state } = this;
    const { metric } = this.recipe.selection;
    const epoch = state.epoch + 1;
    const selected = metricValue(dev, metric);
    const best = isBetter(metric, selected, state.selection.value);
    const metrics: EpochMetrics = {
      epoch,
      step: state.step,
      learningRate: this.learningRate(state.step - 1),
      trainLossPerToken: state.sums.loss / state.sums.tokens,
      gradientNorm: state.sums.gradientNorm / state.stepInEpoch,
      ...(state.sums.samples > 0 && {
        sampled: {
          reward: state.sums.reward / state.sums.samples,
          words: state.sums.sampledWords / state.sums.samples,
        },
      }),
      devLossPerToken: dev.lossPerToken,
      ...(dev.scores && { devScores: dev.scores }),
      best,
      wallClock: {
        finishedAt: new Date().toISOString(),
        backend: this.options.backend.device.description,
        ...times,
        ...dev.seconds,
      },
    };
    await this.run.metrics.append(metrics);
    const scores: CheckpointScores = {
      split: "dev",
      epoch,
      values: { loss: dev.lossPerToken, ...dev.scores },
      ...(dev.scores && this.options.scoreSignature && { signature: this.options.scoreSignature }),
    };
    const parameters = weights ?? (await this.decoder.readParameters());
    if (best) await writeCheckpoint(this.run.paths.best, { ...this.frame(), parameters, scores });
    this.advanceEpoch(dev, best ? { epoch, value: selected } : state.selection);
    await this.options.onEpoch?.(metrics);
    await this.saveLast(scores);
  }

  private advanceEpoch(dev: DevResult, selection: TrainingState["selection"]): void {
    const { state, recipe } = this;
    const epoch = state.epoch + 1;
    const early = recipe.earlyStopping ? metricValue(dev, recipe.earlyStopping.metric) : 0;
    const stopping = checkStopping(recipe, state.stopping, { devLoss: dev.lossPerToken, earlyMetricValue: early });
    const random = new Random(recipe.seed, BATCH_STREAM, state.randomPosition);
    planEpoch(this.prepared.train, recipe, random);
    this.state = {
      ...state,
      epoch,
      stepInEpoch: 0,
      sums: NO_SUMS,
      randomPosition: random.position,
      learningRate: afterEpoch(recipe, state.learningRate, dev.lossPerToken),
      selection,
      stopping: stopping.state,
      stopped: stopping.stop ?? this.outOfEpochs(epoch),
    };
  }

  private outOfEpochs(epoch: number): StopReason | null {
    const { epochs, timeLimitMinutes } = this.recipe;
    if (epoch >= epochs) return "epochs";
    return timeLimitMinutes !== null && this.elapsedSeconds >= timeLimitMinutes * 60 ? "time-limit" : null;
  }

  private get elapsedSeconds(): number {
    return this.elapsedBefore + this.meter.elapsedSeconds;
  }

  /** The averaged weights where they are kept; undefined where the decoder's own are meant. */
  private async evaluationWeights() {
    return this.recipe.optimizer.averageDecay === null || this.state.step === 0
      ? undefined
      : this.decoder.readAverages();
  }

  private async saveLast(scores?: CheckpointScores): Promise<void> {
    const averages = await this.evaluationWeights();
    const parameters = await this.decoder.readParameters();
    const { averages: _, ...optimizer } = await this.decoder.readOptimizerState();
    const state = { ...this.state, elapsedSeconds: this.elapsedSeconds };
    await writeCheckpoint(
      this.run.paths.last,
      { ...this.frame(), parameters: averages ?? parameters, ...(scores && { scores }) },
      { snapshot: { optimizer, ...(averages && { parameters }), state: state as unknown as JsonObject } },
    );
  }

  private frame() {
    return checkpointFrame(this.options, this.recipe, this.prepared);
  }

  private report(stage: TrainingProgress["stage"], step: number, steps: number): void {
    const { state, recipe } = this;
    const stepsLeft = recipe.epochs * this.stepsPerEpoch - state.step;
    this.options.onProgress?.({
      stage,
      epoch: state.epoch + 1,
      epochs: recipe.epochs,
      step,
      steps,
      captionsPerSecond: this.meter.captionsPerSecond,
      lossPerToken: state.sums.loss / state.sums.tokens,
      secondsLeft: this.meter.secondsLeft(stage, stepsLeft, recipe.epochs - state.epoch),
      bestScore: state.selection.value,
      metric: recipe.selection.metric,
      learningRate: this.learningRate(Math.max(0, state.step - 1)),
      backend: this.options.backend.device.description,
      ...(state.sums.samples > 0 && { meanReward: state.sums.reward / state.sums.samples }),
    });
  }
}

/** @throws RecipeError for a score that is no number: no epoch can be better or worse than it */
function metricValue(dev: DevResult, metric: string): number {
  const value = metric === "loss" ? dev.lossPerToken : dev.scores?.[metric];
  if (value === undefined || !Number.isFinite(value))
    throw new RecipeError(expected("a finite number", `the dev score ${metric}`, value));
  return value;
}
