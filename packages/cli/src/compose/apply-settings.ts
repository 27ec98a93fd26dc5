import { expected, RecipeError } from "@showtell/core";
import { parse, parseDocument } from "yaml";

/**
 * Puts `key.path=value` settings into the text of a recipe. Values are read as YAML: `0.001`, `true`, `null`, `{heads: 8, size: 512}`.
 * @throws RecipeError for a setting that is not of this form, or under a key that holds no keys; what the keys may be is the recipe schema's business
 */
export function applySettings(recipe: string, settings: readonly string[]): string {
  if (settings.length === 0) return recipe;
  const document = parseDocument(recipe);
  if (document.errors.length > 0) return recipe;
  for (const setting of settings) {
    const [, path, value] = /^([A-Za-z][\w.]*)=(.*)$/s.exec(setting) ?? [];
    if (path === undefined || value === undefined) {
      throw new RecipeError(expected("key=value", "--set", setting), {
        hint: "For example --set optimizer.learningRate=0.0005.",
      });
    }
    try {
      document.setIn(path.split("."), parse(value));
    } catch (cause) {
      throw new RecipeError(expected("a key that can be set", "--set", setting), { cause });
    }
  }
  return document.toString();
}
