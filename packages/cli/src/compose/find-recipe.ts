import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expected, parseRecipe, type Recipe, RecipeError } from "@showtell/core";
import { applySettings } from "./apply-settings.js";

/** Recipes that ship: copied beside the built command; from the sources, those at the root of the repository. */
const RECIPE_FOLDERS = ["./recipes", "../../../../recipes"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/**
 * Reads the recipe that `--recipe` names, a file or one that ships, and applies `--set key=value` to it.
 * @throws RecipeError naming what is wrong, or the recipes that are there
 */
export async function findRecipe(nameOrPath: string, settings: readonly string[] = []): Promise<Recipe> {
  const path = existsSync(nameOrPath) ? nameOrPath : shippedRecipe(nameOrPath);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new RecipeError(expected("a readable recipe", "--recipe", nameOrPath), { cause });
  });
  return parseRecipe(applySettings(text, settings), path);
}

function shippedRecipe(name: string): string {
  const found = RECIPE_FOLDERS.map((folder) => join(folder, `${name}.yaml`)).find((path) => existsSync(path));
  if (found) return found;
  const folder = RECIPE_FOLDERS.find((path) => existsSync(path));
  const names = folder ? readdirSync(folder).map((file) => file.replace(/\.yaml$/, "")) : [];
  throw new RecipeError(expected("a recipe file or the name of one that ships", "--recipe", name), {
    hint: `Recipes that ship: ${names.sort().join(", ")}.`,
  });
}
