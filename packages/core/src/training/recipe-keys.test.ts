import { describe, expect, it } from "vitest";
import { parseRecipe } from "./parse-recipe.js";
import { recipeKeys } from "./recipe-keys.js";

const keysOf = (yaml: string) => new Map(recipeKeys(parseRecipe(yaml, "test")).map((key) => [key.path, key]));

describe("recipe keys", () => {
  it("are all defaults in an empty recipe", () => {
    const keys = keysOf("");
    expect(keys.size).toBeGreaterThan(40);
    expect([...keys.values()].filter(({ isDefault }) => !isDefault)).toEqual([]);
  });

  it("are told from defaults that depend on another key", () => {
    const keys = keysOf("schedule: {kind: plateau, factor: 0.5}\ndecoder: {attention: {heads: 4}}\nepochs: 10");
    expect(keys.get("schedule.kind")).toEqual({ path: "schedule.kind", value: "plateau", isDefault: false });
    expect(keys.get("schedule.factor")).toEqual({ path: "schedule.factor", value: 0.5, isDefault: false });
    expect(keys.get("schedule.patience")).toEqual({ path: "schedule.patience", value: 3, isDefault: true });
    expect(keys.get("decoder.attention.heads")?.isDefault).toBe(false);
    expect(keys.get("decoder.attention.size")?.isDefault).toBe(true);
    expect(keys.get("epochs")?.isDefault).toBe(true);
  });
});
