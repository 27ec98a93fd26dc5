import { expected, RecipeError, type RecipeSetting } from "@showtell/core";
import { parse } from "yaml";

/**
 * Reads `key.path=value` settings. Values are read as YAML: `0.001`, `true`, `null`, `{heads: 8, size: 512}`.
 * @throws RecipeError for a setting that is not of this form; what the keys may be is the recipe schema's business
 */
export function parseSettings(settings: readonly string[]): RecipeSetting[] {
  return settings.map((setting) => {
    const [, key, value] = /^([A-Za-z]\w*(?:\.\w+)*)=(.*)$/s.exec(setting) ?? [];
    if (key === undefined || value === undefined) {
      throw new RecipeError(expected("key=value", "--set", setting), {
        hint: "For example --set optimizer.learningRate=0.0005.",
      });
    }
    try {
      return { key, value: parse(value), place: `--set ${setting}` };
    } catch (cause) {
      throw new RecipeError(expected("a value in YAML", `--set ${key}`, value), { cause });
    }
  });
}
