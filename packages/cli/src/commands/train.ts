import {
  checkTraining,
  type EpochMetrics,
  readCheckpoint,
  requiredFeatures,
  type TrainingProgress,
  type TrainingResult,
  train,
} from "@showtell/core";
import type { Command } from "commander";
import { prepareRewards } from "../compose/caption-rewards.js";
import { findCaptioner } from "../compose/default-captioner.js";
import { openEncodedDataset } from "../compose/encoded-dataset.js";
import { findEncoder } from "../compose/encoder-registry.js";
import { findRecipe } from "../compose/find-recipe.js";
import { openDecoderBackend } from "../compose/open-decoder-backend.js";
import { scoreCaptions, scoreSignature } from "../compose/score-captions.js";
import { EXIT } from "../exit-codes.js";
import { addDatasetOptions, type DatasetFlags } from "../options/dataset-options.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { type Progress, Terminal } from "../render/terminal.js";

interface TrainFlags extends DatasetFlags {
  readonly recipe: string;
  readonly set?: string[];
  readonly run: string;
  readonly resume?: boolean;
  readonly startFrom?: string;
  readonly teacher?: string[];
  readonly encoder?: string;
  readonly backend: BackendChoice;
  readonly quiet?: boolean;
}

export function registerTrain(program: Command): void {
  const command = program.command("train").description("train a captioner on a dataset; stop and resume at will");
  addDatasetOptions(command)
    .requiredOption(
      "--recipe <name|file>",
      "training recipe: one that ships, such as flickr8k-attention, or a YAML file",
    )
    .requiredOption("--run <folder>", "run folder: recipe, metrics, checkpoints")
    .option("--set <key=value...>", "change keys of the recipe: --set optimizer.learningRate=0.0005 epochs=20")
    .option("--resume", "go on with the run in the folder")
    .option(
      "--start-from <folder>",
      "begin with the weights of this checkpoint: for self-critical training, or other data",
    )
    .option(
      "--teacher <folder...>",
      "learn what these checkpoints expect, besides the captions: for recipes with distillation",
    )
    .option("--encoder <name|file>", "a name from `showtell encoder list`, or a spec file");
  addBackendOption(command);
  addQuietOption(command);
  command.addHelpText(
    "after",
    "\nExample:\n  $ showtell train --data flickr8k --recipe flickr8k-pooled --run runs/first\n  $ showtell train --data flickr8k --recipe flickr8k-pooled --run runs/first --resume",
  );
  command.action(async (flags: TrainFlags) => {
    const terminal = new Terminal(flags);
    const recipe = await findRecipe(flags.recipe, flags.set);
    const startFrom = flags.startFrom === undefined ? undefined : await readCheckpoint(findCaptioner(flags.startFrom));
    const teachers = await Promise.all((flags.teacher ?? []).map((name) => readCheckpoint(findCaptioner(name))));
    const signal = interruptSignal(terminal, "Stopping after the step in hand; --resume goes on from there.");
    const begin = { recipe, runDirectory: flags.run, resume: flags.resume ?? false, scoreCaptions };
    const {
      dataset,
      store,
      result: encoding,
    } = await openEncodedDataset({
      dataPath: flags.data,
      imagesPath: flags.images,
      storePath: flags.store,
      encoderSpecPath: await findEncoder(flags.encoder),
      ...requiredFeatures(recipe, teachers),
      checkDataset: (loaded) => checkTraining({ ...begin, dataset: loaded }),
      terminal,
      signal,
    });
    if (encoding.failures.length > 0) process.exitCode = EXIT.someFailed;
    const backend = await openDecoderBackend(flags.backend);
    terminal.info(`Training on ${backend.name}: ${backend.device.description}`);
    const display = new TrainingDisplay(terminal);
    try {
      const result = await train({
        ...begin,
        dataset,
        features: store.source(dataset),
        encoder: { fingerprint: store.fingerprint, spec: JSON.parse(JSON.stringify(store.encoder)) },
        backend,
        ...(startFrom && { startFrom }),
        teachers,
        prepareRewards,
        scoreSignature: scoreSignature(recipe.decoding),
        signal,
        onProgress: (progress) => display.update(progress),
        onEpoch: (metrics) => display.endEpoch(metrics),
        onNotice: (text) => terminal.info(text),
      });
      display.stop();
      report(result, terminal);
    } finally {
      display.stop();
      await backend.dispose();
      await store.close();
    }
  });
}

function report(result: TrainingResult, terminal: Terminal): void {
  if (result.best) {
    terminal.info(`Best ${result.metric} ${result.best.value.toFixed(4)} after epoch ${result.best.epoch}.`);
    process.stdout.write(`${result.bestCheckpoint}\n`);
  }
  if (result.interrupted) {
    terminal.info(`Stopped after ${result.steps} steps; --resume goes on from there.`);
    process.exitCode = EXIT.interrupted;
  }
}

/** One bar an epoch, and a line of figures when it is over. */
class TrainingDisplay {
  private readonly terminal: Terminal;
  private bar: Progress | undefined;
  private stage = "";

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  update({ stage, epoch, epochs, step, steps, ...figures }: TrainingProgress): void {
    const title = `epoch ${epoch}/${epochs} ${STAGE_TITLES[stage]}`;
    if (this.stage !== title) {
      this.stop();
      this.bar = this.terminal.progress(title, steps, stage === "training" ? "steps" : "captions");
      this.stage = title;
    }
    this.bar?.update(step, stage === "training" ? describe(figures) : "");
  }

  endEpoch({ epoch, trainLossPerToken, sampled, devLossPerToken, devScores = {}, wallClock }: EpochMetrics): void {
    this.stop();
    const figures = sampled
      ? [`reward ${sampled.reward.toFixed(4)}`, `${sampled.words.toFixed(2)} words a sample`]
      : [`train loss ${trainLossPerToken.toFixed(4)}`];
    figures.push(`dev loss ${devLossPerToken.toFixed(4)}`);
    for (const [name, value] of Object.entries(devScores)) figures.push(`${name} ${value.toFixed(4)}`);
    this.terminal.info(`epoch ${epoch}: ${figures.join(", ")} (${Math.round(wallClock.train)} s)`);
  }

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
    this.stage = "";
  }
}

const STAGE_TITLES = { training: "training", "dev-loss": "dev loss", decoding: "dev captions" } as const;

function describe(figures: Omit<TrainingProgress, "stage" | "epoch" | "epochs" | "step" | "steps">): string {
  const { captionsPerSecond, lossPerToken, meanReward, secondsLeft, bestScore, metric } = figures;
  const progress = meanReward === undefined ? `loss ${lossPerToken.toFixed(3)}` : `reward ${meanReward.toFixed(3)}`;
  const parts = [`${captionsPerSecond.toFixed(0)} captions/s`, progress];
  if (bestScore !== null) parts.push(`best ${metric} ${bestScore.toFixed(4)}`);
  if (secondsLeft !== undefined) parts.push(`${formatDuration(secondsLeft)} left`);
  return parts.join(", ");
}

function formatDuration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
