import { type PreparedTraining, prepareTraining } from "./prepare-training.js";
import { resolveRecipe } from "./resolve-recipe.js";
import { RunFolder } from "./run-folder.js";
import type { TrainingResult, TrainOptions } from "./train-options.js";
import { TrainingLoop } from "./training-loop.js";

/**
 * Trains a decoder from stored features into a run folder, or goes on with a run that was stopped or killed. On a backend that computes the same from run
 * to run, a run that was stopped anywhere and resumed ends with the same weights and metrics (but for `wallClock`) as one that never was.
 * @throws RecipeError, DatasetError, FeatureStoreError, CheckpointError: each names what is wrong and what to do
 */
export async function train(options: TrainOptions): Promise<TrainingResult> {
  const recipe = resolveRecipe(options.recipe, options.scoreCaptions !== undefined);
  const run = await RunFolder.open(options.runDirectory, { recipe, resume: options.resume ?? false });
  let prepared: PreparedTraining;
  try {
    prepared = await prepareTraining(options, recipe, run);
  } catch (error) {
    await (options.resume ? run.close() : run.discard());
    throw error;
  }
  try {
    const loop = new TrainingLoop(options, recipe, prepared, run);
    try {
      await loop.train();
    } finally {
      prepared.decoder.dispose();
      prepared.distillation?.dispose();
    }
    const { stopped, epoch, step, selection } = loop.state;
    return {
      interrupted: stopped === null,
      stoppedBy: stopped ?? undefined,
      epochs: epoch,
      steps: step,
      best: selection.value === null ? undefined : { epoch: selection.epoch, value: selection.value },
      metric: recipe.selection.metric,
      lastCheckpoint: run.paths.last,
      bestCheckpoint: run.paths.best,
    };
  } finally {
    await run.close();
  }
}
