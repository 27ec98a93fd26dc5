import { expected, formatRecipe, OptionError, replaceFile, type Study, StudyError } from "@showtell/core";

/**
 * Writes the recipe of the study's best trial, every default written out: training it again gives that trial again.
 * @throws StudyError while no trial has run to its end
 */
export async function writeBestRecipe(study: Study, path: string): Promise<void> {
  if (!study.best) {
    throw new StudyError(
      expected("a study with a complete trial", "--best-recipe", `${study.trials.length} trials, none`),
      {
        hint: "Go on with `showtell tune`, or look at the leaderboard for what went wrong.",
      },
    );
  }
  try {
    await replaceFile(path, formatRecipe(study.recipeOf(study.best)));
  } catch (cause) {
    throw new OptionError(expected("a file that can be written", "--best-recipe", path), { cause });
  }
}
