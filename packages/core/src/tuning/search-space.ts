import { parse } from "yaml";
import type { JsonObject } from "../checkpoint/checkpoint.js";
import { closestName } from "../closest-name.js";
import { expected, RecipeError } from "../errors.js";
import { checkRecipe, parseRecipe } from "../training/parse-recipe.js";
import { readYaml } from "../training/read-yaml.js";
import type { Recipe } from "../training/recipe-schema.js";
import { withKey } from "../training/recipe-setting.js";
import type { Parameters } from "./dimension.js";
import { readDimension } from "./read-dimension.js";
import type { Dimensions } from "./sampler.js";

/** What a study searches: a base recipe, and the keys that vary. Plain data, stored with the study. */
export interface SearchSpace {
  /** The base recipe's keys as written, those under `set` put in; defaults are filled in when a trial's recipe is built. */
  readonly base: JsonObject;
  readonly dimensions: Dimensions;
  /** Keys that always have the value of a dimension: key → the dimension's key. */
  readonly sameAs: Readonly<Record<string, string>>;
}

/** Reads the base recipe that a space names. */
export type ReadRecipe = (nameOrPath: string) => Promise<{ readonly text: string; readonly source: string }>;

const SECTIONS = ["recipe", "set", "search"];

type PlaceOf = (...path: string[]) => string;

/**
 * Reads a search space and proves it: each dimension at both of its ends, or in each of its choices, must make a recipe.
 * @param source the file's path, for messages
 * @throws RecipeError naming file, line and key
 */
export async function parseSearchSpace(text: string, source: string, readRecipe: ReadRecipe): Promise<SearchSpace> {
  const file = readYaml(
    text,
    source,
    "A search space is a YAML file of recipe, set and search; recipes/spaces holds examples.",
  );
  const placeOf: PlaceOf = (...path) => file.placeOf(path);
  const { recipe, set, search } = readSections(file.value, source, placeOf);
  refuseOverwritten(set, search, placeOf);
  const found = await readRecipe(recipe);
  parseRecipe(found.text, found.source);
  let base = (parse(found.text) ?? {}) as JsonObject;
  for (const [key, value] of Object.entries(set)) {
    base = withKey(base, key, value, placeOf("set", key));
    checkRecipe(base, () => placeOf("set", key));
  }
  const space = { base, ...readSearch(search, placeOf) };
  extremeRecipes(space, (key) => placeOf("search", key));
  return space;
}

/**
 * The recipes with one dimension at one of its ends, or in one of its choices, and the rest as in the base: what any trial needs, one of these needs.
 * @throws RecipeError where one is refused, with the place of its key
 */
export function extremeRecipes(space: SearchSpace, placeOf = (key: string) => `${key} of the search space`): Recipe[] {
  return Object.entries(space.dimensions).flatMap(([key, dimension]) => {
    const ends = dimension.kind === "choice" ? dimension.values : [dimension.low, dimension.high];
    const place = placeOf(key);
    return ends.map((end) => checkRecipe(recipeKeys(space, { [key]: end }, place), () => place));
  });
}

/** A trial's recipe. @throws RecipeError where values that are right one by one do not go together */
export function recipeOfTrial(space: SearchSpace, parameters: Parameters, seed: number): Recipe {
  const place = "the search space";
  return checkRecipe({ ...recipeKeys(space, { seed, ...parameters }, place) }, () => place);
}

/** The recipe that the space varies. */
export function baseRecipe(space: SearchSpace): Recipe {
  return checkRecipe(space.base, () => "the search space");
}

function readSections(value: unknown, source: string, placeOf: PlaceOf) {
  if (!isRecord(value)) throw new RecipeError(expected("recipe, set and search", source, value));
  const unknown = Object.keys(value).find((key) => !SECTIONS.includes(key));
  if (unknown !== undefined) {
    const closest = closestName(unknown, SECTIONS);
    throw new RecipeError(expected(`one of ${SECTIONS.join(", ")}`, placeOf(unknown), unknown), {
      hint: closest
        ? `Did you mean ${closest}?`
        : "Recipe keys that stay as they are go under set, others under search.",
    });
  }
  const { recipe, set = {}, search } = value;
  if (typeof recipe !== "string")
    throw new RecipeError(expected("a recipe's name or file", `recipe in ${placeOf("recipe")}`, recipe));
  if (!isRecord(set)) throw new RecipeError(expected("recipe keys and values", `set in ${placeOf("set")}`, set));
  if (!isRecord(search) || Object.keys(search).length === 0) {
    throw new RecipeError(
      expected("recipe keys, each with the values to try", `search in ${placeOf("search")}`, search),
      {
        hint: "For example optimizer.learningRate: { log: [0.0001, 0.003] }.",
      },
    );
  }
  return { recipe, set, search };
}

/** @throws RecipeError for a key that another one overwrites in every trial */
function refuseOverwritten(set: JsonObject, search: JsonObject, placeOf: PlaceOf): void {
  const [fixed, searched] = [Object.keys(set), Object.keys(search)];
  const isInside = (key: string, section: string) => key.startsWith(`${section}.`);
  for (const key of searched) {
    if (fixed.includes(key))
      throw new RecipeError(expected(`${key} under set or under search`, placeOf("search", key), "both"));
  }
  for (const [section, keys, place] of [
    ["search", searched, searched],
    ["set", fixed, searched],
    ["set", fixed, fixed],
  ] as const) {
    for (const key of keys) {
      const whole = place.find((other) => isInside(key, other));
      if (whole !== undefined) throw new RecipeError(expected(`${whole} or ${key}`, placeOf(section, key), "both"));
    }
  }
}

function readSearch(search: JsonObject, placeOf: PlaceOf): Omit<SearchSpace, "base"> {
  const dimensions = new Map<string, Dimensions[string]>();
  const sameAs = new Map<string, string>();
  for (const [key, value] of Object.entries(search)) {
    const name = `${key} in ${placeOf("search", key)}`;
    if (key.split(".")[0] === "selection") {
      throw new RecipeError(expected("another key", name, key), {
        hint: "All trials of a study are compared by one metric.",
      });
    }
    if (isRecord(value) && Object.keys(value).join() === "sameAs") sameAs.set(key, String(value["sameAs"]));
    else dimensions.set(key, readDimension(value, name));
  }
  for (const [key, leader] of sameAs) {
    if (dimensions.has(leader)) continue;
    const name = `sameAs of ${key} in ${placeOf("search", key)}`;
    throw new RecipeError(expected("a key with values of its own under search", name, leader));
  }
  // Keys as they are, `__proto__` too: the recipe's schema refuses it.
  return { dimensions: Object.fromEntries(dimensions), sameAs: Object.fromEntries(sameAs) };
}

/** The base recipe's keys with the parameters put in, and with all that follow them. */
function recipeKeys({ base, sameAs }: SearchSpace, parameters: Parameters, place: string): JsonObject {
  const followers = Object.entries(sameAs)
    .filter(([, leader]) => Object.hasOwn(parameters, leader))
    .map(([key, leader]) => [key, parameters[leader]!] as const);
  return [...Object.entries(parameters), ...followers].reduce(
    (keys, [key, value]) => withKey(keys, key, value, place),
    base,
  );
}

function isRecord(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
