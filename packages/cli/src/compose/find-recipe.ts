import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expected, parseRecipe, parseSearchSpace, type Recipe, RecipeError, type SearchSpace } from "@showtell/core";
import { parseSettings } from "./parse-settings.js";

/** Recipes that ship: copied beside the built command; from the sources, those at the root of the repository. */
const RECIPE_FOLDERS = ["./recipes", "../../../../recipes"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

interface RecipeText {
  readonly text: string;
  /** The file's path, for messages. */
  readonly source: string;
}

/**
 * Reads the recipe that `--recipe` names, a file or one that ships, and applies `--set key=value` to it.
 * @throws RecipeError naming what is wrong, or the recipes that are there
 */
export async function findRecipe(nameOrPath: string, settings: readonly string[] = []): Promise<Recipe> {
  const { text, source } = await readRecipeText(nameOrPath, RECIPES);
  return parseRecipe(text, source, parseSettings(settings));
}

/**
 * Reads the search space that `--space` names, a file or one that ships; its base recipe lies beside it or ships.
 * @throws RecipeError naming file, line and key of what is wrong
 */
export async function findSearchSpace(nameOrPath: string): Promise<SearchSpace> {
  const { text, source } = await readRecipeText(nameOrPath, SPACES);
  return parseSearchSpace(text, source, (recipe) => {
    const beside = join(dirname(source), recipe);
    return readRecipeText(existsSync(beside) ? beside : recipe, { ...RECIPES, option: `recipe in ${source}` });
  });
}

interface Shelf {
  readonly option: string;
  readonly what: string;
  /** Where those that ship lie, below the recipes' folder. */
  readonly folder: string;
}

const RECIPES: Shelf = { option: "--recipe", what: "recipe", folder: "." };
const SPACES: Shelf = { option: "--space", what: "search space", folder: "spaces" };

async function readRecipeText(nameOrPath: string, shelf: Shelf): Promise<RecipeText> {
  const source = existsSync(nameOrPath) ? nameOrPath : findShipped(nameOrPath, shelf);
  const text = await readFile(source, "utf8").catch((cause: unknown) => {
    throw new RecipeError(expected(`a readable ${shelf.what}`, shelf.option, nameOrPath), { cause });
  });
  return { text, source };
}

function findShipped(name: string, { option, what, folder }: Shelf): string {
  const folders = RECIPE_FOLDERS.map((path) => join(path, folder)).filter((path) => existsSync(path));
  const found = folders.map((path) => join(path, `${name}.yaml`)).find((path) => existsSync(path));
  if (found) return found;
  const files = folders[0] ? readdirSync(folders[0]).filter((file) => file.endsWith(".yaml")) : [];
  const names = files.map((file) => file.replace(/\.yaml$/, "")).sort();
  throw new RecipeError(expected(`a ${what} file or the name of one that ships`, option, name), {
    hint: `Those that ship: ${names.join(", ")}.`,
  });
}
