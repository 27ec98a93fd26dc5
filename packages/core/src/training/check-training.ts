import type { CheckpointData } from "../checkpoint/checkpoint-config.js";
import { readCheckpointConfig } from "../checkpoint/read-checkpoint.js";
import { completeVersion, exists } from "../checkpoint/replace-directory.js";
import type { Dataset } from "../data/dataset.js";
import { CheckpointError, expected } from "../errors.js";
import { resolveRecipe } from "./resolve-recipe.js";
import { RunFolder, runPaths } from "./run-folder.js";
import type { TrainOptions } from "./train-options.js";
import { requireSplit } from "./training-examples.js";

/**
 * What a training refuses whatever the features: splits that are missing, the run folder, another dataset to resume with. To be asked before photos are
 * encoded, which may take hours. Changes nothing; `train` asks it again.
 * @throws RecipeError, DatasetError, CheckpointError
 */
export async function checkTraining({
  recipe,
  dataset,
  runDirectory,
  resume = false,
  scoreCaptions,
}: Pick<TrainOptions, "recipe" | "dataset" | "runDirectory" | "resume" | "scoreCaptions">): Promise<void> {
  checkSplits(dataset);
  await RunFolder.check(runDirectory, { recipe: resolveRecipe(recipe, scoreCaptions !== undefined), resume });
  const { last } = runPaths(runDirectory);
  if (await exists(await completeVersion(last))) checkSameDataset(await readCheckpointConfig(last), dataset, last);
}

/** @throws DatasetError where there is nothing to train on or to choose by */
export function checkSplits(dataset: Dataset): void {
  for (const split of ["train", "dev"] as const) requireSplit(dataset, split);
}

/** @throws CheckpointError for a run that was begun with another dataset */
export function checkSameDataset(
  { data }: { readonly data?: CheckpointData | undefined },
  dataset: Dataset,
  path: string,
): void {
  if (data?.sha256 === dataset.sha256) return;
  throw new CheckpointError(expected("the dataset that this run was begun with", "--resume", dataset.name), {
    hint: `${path} was trained on other images, captions or splits.`,
  });
}
