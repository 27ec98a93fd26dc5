import { expected, RecipeError } from "../errors.js";
import type { RewardCaptions, TrainOptions } from "./train-options.js";
import { requireSplit } from "./training-examples.js";

/**
 * Rewards of captions of the training photos.
 * @param key of the recipe, which needs them
 * @throws RecipeError where nothing gives rewards
 */
export function prepareRewards(options: Pick<TrainOptions, "prepareRewards" | "dataset">, key: string): RewardCaptions {
  if (options.prepareRewards) return options.prepareRewards(requireSplit(options.dataset, "train"));
  throw new RecipeError(expected("null", `${key} where nothing rewards captions`, "a setting"), {
    hint: "Pass prepareRewards to train().",
  });
}
