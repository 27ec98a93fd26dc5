import { stringify } from "yaml";
import { z } from "zod";
import type { JsonObject } from "../checkpoint/checkpoint.js";
import { closestName } from "../closest-name.js";
import { expected, RecipeError } from "../errors.js";
import { readYaml } from "./read-yaml.js";
import { type Recipe, recipeSchema } from "./recipe-schema.js";
import { placeOfSetting, type RecipeSetting, withSettings } from "./recipe-setting.js";

type Path = readonly PropertyKey[];

/**
 * Reads a recipe and fills in every default.
 * @param source the file's path, for messages
 * @param settings put in before the recipe is checked; what is wrong with them is said with their place
 * @throws RecipeError naming file, line and key: unknown keys with the nearest known one, wrong types and values with what was expected
 */
export function parseRecipe(text: string, source: string, settings: readonly RecipeSetting[] = []): Recipe {
  const { value, placeOf } = readYaml(
    text,
    source,
    "A recipe is a YAML file of keys and values; recipes/ holds examples.",
  );
  if (!isRecord(value)) return checkRecipe(value, placeOf);
  const keys = withSettings(value as JsonObject, settings);
  return checkRecipe(keys, (path) => placeOfSetting(settings, path) ?? placeOf(path));
}

/**
 * A recipe from its keys and values, every default filled in.
 * @param placeOf where the value at a path was written, for messages
 * @throws RecipeError
 */
export function checkRecipe(value: unknown, placeOf: (path: Path) => string): Recipe {
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]!] : issue.path;
  throw explain(issue, value, placeOf(path));
}

/** The recipe as YAML, every default written out. */
export function formatRecipe(recipe: Recipe): string {
  return stringify(recipe);
}

/** Dotted paths of the keys in which two recipes differ, with both values. */
export function differingKeys(before: unknown, after: unknown, path = ""): string[] {
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differingKeys(before[key], after[key], path ? `${path}.${key}` : key));
  }
  const [from, to] = [JSON.stringify(before), JSON.stringify(after)];
  return from === to ? [] : [`${path} (${from ?? "absent"} → ${to ?? "absent"})`];
}

function explain(issue: z.core.$ZodIssue, recipe: unknown, place: string): RecipeError {
  const key = issue.path.join(".");
  const name = key ? `${key} in ${place}` : place;
  const actual = issue.path.reduce<unknown>(
    (value, part) => (isRecord(value) ? value[String(part)] : undefined),
    recipe,
  );
  switch (issue.code) {
    case "unrecognized_keys": {
      const unknownKey = issue.keys[0]!;
      const known = knownKeys(issue.path);
      if (known.includes(unknownKey)) {
        const section = issue.path.join(".");
        return new RecipeError(expected("a key of this kind", name, unknownKey), {
          hint: `It belongs to another kind. Write the section anew: ${section}: { … }.`,
        });
      }
      const closest = closestName(unknownKey, known);
      return new RecipeError(expected("a known key", name, unknownKey), {
        hint: closest ? `Did you mean ${closest}?` : `Known keys: ${known.join(", ")}.`,
      });
    }
    case "invalid_type":
      return new RecipeError(expected(ARTICLES[issue.expected] ?? issue.expected, name, actual));
    case "invalid_value":
      return new RecipeError(expected(`one of ${issue.values.join(", ")}`, name, actual));
    case "invalid_union":
      return new RecipeError(expected(`one of ${unionKinds(issue.path).join(", ")}`, name, actual));
    case "too_small":
      return new RecipeError(expected(`a value ${issue.inclusive ? "≥" : ">"} ${issue.minimum}`, name, actual));
    case "too_big":
      return new RecipeError(expected(`a value ${issue.inclusive ? "≤" : "<"} ${issue.maximum}`, name, actual));
    case "invalid_format":
      return new RecipeError(expected("lower-case letters, digits, dots, dashes and underscores", name, actual));
    default:
      return new RecipeError(expected(issue.message, name, actual));
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
  object: "keys and values",
};

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The keys that the recipe's object at `path` may have. */
function knownKeys(path: Path): string[] {
  return [...new Set(schemasAt(path).flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

/** The values that tell the members of the union around a discriminating key apart. */
function unionKinds(path: Path): unknown[] {
  return schemasAt(path).flatMap((schema) => ("const" in schema ? [schema.const] : []));
}

function schemasAt(path: Path): JsonSchema[] {
  let schemas = [z.toJSONSchema(recipeSchema, { io: "input" }) as JsonSchema];
  const expand = (schema: JsonSchema): JsonSchema[] => [
    schema,
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((member) => expand(member as JsonSchema)),
  ];
  for (const part of path) {
    schemas = schemas.flatMap(expand).flatMap((schema) => {
      const member = schema.properties?.[String(part)];
      return member && typeof member === "object" ? [member as JsonSchema] : [];
    });
  }
  return schemas.flatMap(expand);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
