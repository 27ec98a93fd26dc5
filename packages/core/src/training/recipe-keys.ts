import { type Recipe, recipeSchema } from "./recipe-schema.js";

/** One key of a recipe. */
export interface RecipeKey {
  /** Dotted: `decoder.attention.heads`. */
  readonly path: string;
  readonly value: string | number | boolean | null;
  /** Whether the recipe would say the same if the key were left out. */
  readonly isDefault: boolean;
}

/** Every key of a recipe, in the order of the schema. */
export function recipeKeys(recipe: Recipe): RecipeKey[] {
  const defaults = recipeSchema.parse({});
  return leaves(recipe, []).map(({ path, value }) => {
    // A default may depend on other keys, such as the kind of schedule: only leaving the key out tells.
    const without = recipeSchema.safeParse(omit(recipe, path));
    const fallback = without.success ? at(without.data, path) : at(defaults, path);
    return { path: path.join("."), value, isDefault: fallback === value };
  });
}

type Leaf = { readonly path: readonly string[]; readonly value: RecipeKey["value"] };

function leaves(value: unknown, path: readonly string[]): Leaf[] {
  if (typeof value !== "object" || value === null) return [{ path, value: value as RecipeKey["value"] }];
  return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]));
}

function omit(value: object, [key, ...rest]: readonly string[]): object {
  const { [key!]: member, ...others } = value as Record<string, object>;
  return rest.length === 0 ? others : { ...others, [key!]: omit(member!, rest) };
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null)?.[key], value);
}
