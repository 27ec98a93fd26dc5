import type { Json, JsonObject } from "../checkpoint/checkpoint.js";
import { expected, RecipeError } from "../errors.js";

/** A value that is put into a recipe from outside its file. */
export interface RecipeSetting {
  /** Dotted: `optimizer.learningRate`. */
  readonly key: string;
  readonly value: Json;
  /** Where it was given, for messages. */
  readonly place: string;
}

/** The recipe's keys with the settings put in, later ones over earlier ones. @throws RecipeError */
export function withSettings(keys: JsonObject, settings: readonly RecipeSetting[]): JsonObject {
  return settings.reduce((changed, { key, value, place }) => withKey(changed, key, value, place), keys);
}

/** Where the value at a path was given, if a setting gave it. */
export function placeOfSetting(settings: readonly RecipeSetting[], path: readonly PropertyKey[]): string | undefined {
  return settings.findLast(({ key }) => `${path.join(".")}.`.startsWith(`${key}.`))?.place;
}

/** A copy with a value at the dotted key. @throws RecipeError where the key lies in something that holds no keys */
export function withKey(keys: JsonObject, key: string, value: Json, place: string): JsonObject {
  const [first, ...rest] = key.split(".") as [string, ...string[]];
  if (rest.length === 0) return { ...keys, [first]: value };
  const inner = keys[first] === undefined ? {} : keys[first];
  if (typeof inner !== "object" || inner === null || Array.isArray(inner)) {
    throw new RecipeError(
      expected("keys and values", `${first} in ${place}, of which ${rest.join(".")} is asked`, inner),
      { hint: `Give ${first} keys in the recipe, or give it as a whole.` },
    );
  }
  return { ...keys, [first]: withKey(inner as JsonObject, rest.join("."), value, place) };
}
