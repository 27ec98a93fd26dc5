import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  baseRecipe,
  bestEpoch,
  CheckpointError,
  checkSplits,
  DECODER_FILE,
  expected,
  extremeRecipes,
  RecipeError,
  RunLock,
  requiredFeatures,
  resolveRecipe,
  runPaths,
  runStudy,
  type SearchSpace,
  Study,
  type StudySettings,
} from "@showtell/core";
import type { Command } from "commander";
import { writeBestRecipe } from "../compose/best-recipe.js";
import { findCaptioner } from "../compose/default-captioner.js";
import { openEncodedDataset } from "../compose/encoded-dataset.js";
import { findEncoder } from "../compose/encoder-registry.js";
import { findSearchSpace } from "../compose/find-recipe.js";
import { CAPTION_METRICS } from "../compose/score-captions.js";
import { SqliteStudyStorage } from "../compose/sqlite-study-storage.js";
import { TrialFolders, trialFolder } from "../compose/trial-folders.js";
import type { WorkerSetup } from "../compose/trial-protocol.js";
import { TrialWorkers } from "../compose/trial-workers.js";
import { workerEnvironments } from "../compose/worker-environments.js";
import { explainingDiskErrors } from "../disk-errors.js";
import { EXIT } from "../exit-codes.js";
import { interruptSignal } from "../options/interrupt-signal.js";
import { addTuneOptions, checkUnused, type TuneFlags } from "../options/tune-options.js";
import { leaderboardJson, renderLeaderboard } from "../render/leaderboard.js";
import { checkWritable } from "../render/output-place.js";
import { StudyDisplay } from "../render/study-display.js";
import { Terminal } from "../render/terminal.js";

export function registerTune(program: Command): void {
  const command = program.command("tune").description("search for the best recipe; stop and go on at will");
  addTuneOptions(command);
  command.addHelpText(
    "after",
    "\nExample:\n  $ showtell tune --space space.yaml --data flickr8k --study studies/pooled.sqlite --trials 40 --best-recipe best.yaml",
  );
  command.action(tune);
}

async function tune(flags: TuneFlags, command: Command): Promise<void> {
  checkUnused(flags, command);
  const terminal = new Terminal(flags);
  const space = await findSearchSpace(flags.space);
  const metric = metricOf(space);
  const environments = workerEnvironments(flags);
  const signal = interruptSignal(terminal, "Stopping after the steps in hand; the same command goes on from there.");
  await checkWritable(flags.study, "--study", { makesFolder: true });
  if (flags.bestRecipe !== undefined) await checkWritable(flags.bestRecipe, "--best-recipe");
  const setup = await encodeAll(flags, space, { terminal, signal });
  const isNew = !existsSync(flags.study);
  try {
    await withStudy(flags, settingsOf(flags, { space, metric, ...setup }), async (study, trialsFolder) => {
      await search(study, { flags, trialsFolder, environments, terminal, signal, worker: setup.worker });
      await report(study, { flags, trialsFolder, terminal, interrupted: signal.aborted });
    });
  } catch (error) {
    if (isNew) await removeUnbegun(flags.study);
    throw error;
  }
}

async function withStudy(
  { study: path }: TuneFlags,
  settings: StudySettings,
  work: (study: Study, trialsFolder: string) => Promise<void>,
): Promise<void> {
  const trialsFolder = trialsFolderOf(path);
  const place = `--study ${path}`;
  await explainingDiskErrors(place, () => mkdir(dirname(path), { recursive: true }));
  const storage = SqliteStudyStorage.open(path);
  try {
    const lock = await explainingDiskErrors(place, async () => {
      await mkdir(trialsFolder, { recursive: true });
      return RunLock.acquire(join(trialsFolder, "study.lock"), { what: "study" });
    });
    try {
      await work(Study.open(storage, settings), trialsFolder);
    } finally {
      await lock.release();
    }
  } finally {
    storage.close();
  }
}

function trialsFolderOf(study: string): string {
  return `${study}.trials`;
}

/** A study that failed before anything was written into it leaves no file. */
async function removeUnbegun(study: string): Promise<void> {
  const status = await stat(study).catch(() => undefined);
  if (status && status.size > 0) return;
  await rm(study, { force: true });
  await rmdir(trialsFolderOf(study)).catch(() => undefined);
}

/** @throws RecipeError for a metric that nothing computes: every trial would fail by it */
function metricOf(space: SearchSpace): string {
  const { metric } = resolveRecipe(baseRecipe(space), true).selection;
  const known = ["loss", ...CAPTION_METRICS];
  if (!known.includes(metric))
    throw new RecipeError(expected(`one of ${known.join(", ")}`, "selection.metric of the base recipe", metric));
  return metric;
}

interface Setup {
  readonly worker: WorkerSetup;
  /** What the study is stored with. */
  readonly inputs: Pick<StudySettings, "dataset" | "encoder" | "startFrom">;
}

/** Whatever any trial may need is encoded before the first. */
async function encodeAll(
  flags: TuneFlags,
  space: SearchSpace,
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
): Promise<Setup> {
  const startFrom = flags.startFrom === undefined ? undefined : findCaptioner(flags.startFrom);
  const needs = extremeRecipes(space).map((recipe) => requiredFeatures(recipe));
  const source = {
    dataPath: flags.data,
    imagesPath: flags.images,
    storePath: flags.store,
    encoderSpecPath: await findEncoder(flags.encoder),
    outputs: [...new Set(needs.flatMap(({ outputs }) => outputs))],
    views: [...new Set(needs.flatMap(({ views }) => views))],
  };
  const { dataset, store, result } = await openEncodedDataset({
    ...source,
    checkDataset: checkSplits,
    terminal,
    signal,
  });
  await store.close();
  if (result.failures.length > 0) process.exitCode = EXIT.someFailed;
  return {
    worker: { ...source, startFrom, backend: flags.gpus ? "native-cuda" : flags.backend },
    inputs: {
      dataset: { name: dataset.name, sha256: dataset.sha256 },
      encoder: store.fingerprint,
      ...(startFrom !== undefined && { startFrom: await weightsHash(startFrom) }),
    },
  };
}

async function weightsHash(checkpoint: string): Promise<string> {
  const weights = await readFile(join(checkpoint, DECODER_FILE)).catch((cause: unknown) => {
    throw new CheckpointError(expected("a checkpoint", "--start-from", checkpoint), { cause });
  });
  return createHash("sha256").update(weights).digest("hex");
}

function settingsOf(
  { seed, sampler, startupTrials, pruner, warmupTrials, warmupEpochs }: TuneFlags,
  { space, metric, inputs }: Pick<StudySettings, "space" | "metric"> & Pick<Setup, "inputs">,
): StudySettings {
  return {
    space,
    metric,
    seed,
    sampler: { name: sampler, startupTrials },
    pruner: { name: pruner, warmupTrials, warmupEpochs },
    ...inputs,
  };
}

interface SearchOptions {
  readonly flags: TuneFlags;
  readonly trialsFolder: string;
  readonly environments: readonly NodeJS.ProcessEnv[];
  readonly worker: WorkerSetup;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function search(study: Study, options: SearchOptions): Promise<void> {
  const { flags, trialsFolder, environments, terminal, signal } = options;
  const begun = study.trials.length;
  if (begun > 0) terminal.info(`Going on with a study of ${begun} trials.`);
  const display = new StudyDisplay({ study, terminal, quiet: flags.quiet ?? false, trials: flags.trials });
  const folders = new TrialFolders(trialsFolder, study);
  const workers = new TrialWorkers({
    setup: options.worker,
    environments,
    onProgress: (trial, progress) => display.trialProgress(trial, progress),
  });
  try {
    await runStudy(study, {
      trials: flags.trials,
      parallel: environments.length,
      runTrial: (trial, job) => folders.using(trial.number, (folder) => workers.runTrial(trial, job, folder)),
      signal,
      ...(flags.timeLimit !== undefined && { deadline: Date.now() + flags.timeLimit * 60_000 }),
      onChange: (trial) => display.trialChanged(trial),
    });
  } finally {
    display.stop();
    await workers.close();
  }
  await folders.sweep();
}

async function report(
  study: Study,
  options: { flags: TuneFlags; trialsFolder: string; terminal: Terminal; interrupted: boolean },
): Promise<void> {
  const { flags, trialsFolder, terminal, interrupted } = options;
  const { best, trials } = study;
  const { metric } = study.settings;
  process.stdout.write(flags.json ? leaderboardJson(study) : `${renderLeaderboard(study)}\n`);
  const pruned = trials.filter(({ state }) => state === "pruned");
  if (pruned.length > 0) {
    const saved = pruned.reduce((sum, trial) => sum + study.recipeOf(trial).epochs - trial.epochs.length, 0);
    terminal.info(`${pruned.length} of ${trials.length} trials were pruned, which saved ${saved} epochs.`);
  }
  if (best) {
    const { value, epoch } = bestEpoch(best, metric)!;
    const { best: checkpoint } = runPaths(trialFolder(trialsFolder, best.number));
    terminal.info(`Best is trial ${best.number}: ${metric} ${value.toFixed(4)} after epoch ${epoch}, ${checkpoint}`);
  }
  if (flags.bestRecipe !== undefined && (best || !interrupted)) await writeBestRecipe(study, flags.bestRecipe);
  if (interrupted) {
    terminal.info("Stopped; the same command goes on from there.");
    process.exitCode = EXIT.interrupted;
  }
}
