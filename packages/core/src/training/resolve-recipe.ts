import { expected, RecipeError } from "../errors.js";
import type { Recipe } from "./recipe-schema.js";
import { DEFAULT_CAPTION_METRIC } from "./train-options.js";

/**
 * The recipe with its automatic choices made: `auto` metrics become CIDEr-D where captions are scored and dev loss where not.
 * @throws RecipeError for a caption metric without anything that scores captions
 */
export function resolveRecipe(recipe: Recipe, canScore: boolean): Recipe {
  const resolve = (metric: string, key: string) => {
    if (metric === "auto") return canScore ? DEFAULT_CAPTION_METRIC : "loss";
    if (metric !== "loss" && !canScore) {
      throw new RecipeError(expected('"loss" or "auto"', `${key} where nothing scores captions`, metric));
    }
    return metric;
  };
  const { selection, earlyStopping } = recipe;
  return {
    ...recipe,
    selection: { metric: resolve(selection.metric, "selection.metric") },
    earlyStopping: earlyStopping && { ...earlyStopping, metric: resolve(earlyStopping.metric, "earlyStopping.metric") },
  };
}
