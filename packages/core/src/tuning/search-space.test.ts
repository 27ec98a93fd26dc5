import { describe, expect, it } from "vitest";
import { RecipeError } from "../errors.js";
import { parseSearchSpace, recipeOfTrial } from "./search-space.js";

const BASE =
  "name: base\nseed: 9\ndecoder: { hiddenSize: 64, attention: { heads: 2, size: 8 } }\nschedule: { kind: cosine }\n";

const parse = (text: string, base = BASE) =>
  parseSearchSpace(text, "space.yaml", async (name) => ({ text: base, source: `${name}.yaml` }));

describe("a search space", () => {
  it("builds recipes: base, set keys, parameters, keys that follow them, and the trial's seed", async () => {
    const space = await parse(`
recipe: base
set: { epochs: 3, decoder.dropout.input: 0.1 }
search:
  optimizer.learningRate: { log: [0.0001, 0.01] }
  decoder.hiddenSize: { int: [32, 128], step: 32 }
  decoder.embeddingSize: { sameAs: decoder.hiddenSize }
  schedule: { choice: [{ kind: constant }, { kind: cosine, warmupSteps: 10 }] }
`);
    expect(Object.keys(space.dimensions)).toEqual(["optimizer.learningRate", "decoder.hiddenSize", "schedule"]);
    const parameters = { "optimizer.learningRate": 0.002, "decoder.hiddenSize": 96, schedule: { kind: "constant" } };
    const recipe = recipeOfTrial(space, parameters, 77);
    expect(recipe).toMatchObject({ name: "base", seed: 77, epochs: 3, optimizer: { learningRate: 0.002, beta1: 0.9 } });
    expect(recipe.decoder).toMatchObject({ hiddenSize: 96, embeddingSize: 96, dropout: { input: 0.1 } });
    expect(recipe.schedule).toEqual({ kind: "constant", warmupSteps: 0 });
  });

  it("may search over seeds, which then are the trial's", async () => {
    const space = await parse("recipe: base\nsearch: { seed: { choice: [1, 2, 3] } }");
    expect(recipeOfTrial(space, { seed: 2 }, 77).seed).toBe(2);
  });

  it("tells values that are right one by one and not together when the trial is built", async () => {
    const space = await parse(
      "recipe: base\nsearch: { decoder.attention.heads: { choice: [2, 4] }, decoder.attention.size: { int: [8, 10] } }",
    );
    const parameters = { "decoder.attention.heads": 4, "decoder.attention.size": 10 };
    expect(() => recipeOfTrial(space, parameters, 1)).toThrow(
      "Expected a multiple of heads for decoder.attention.size",
    );
  });

  it.each([
    ["no search", "recipe: base", "Expected recipe keys, each with the values to try"],
    ["an empty search", "recipe: base\nsearch: {}", "Expected recipe keys, each with the values to try"],
    ["no recipe", "search: { epochs: { int: [1, 2] } }", "Expected a recipe's name or file for recipe"],
    ["an unknown section", "recipe: base\nserach: 1", "space.yaml:2"],
    ["no YAML", "recipe: [", "Expected YAML for space.yaml"],
    ["a list", "- 1", "Expected recipe, set and search"],
    ["an unknown recipe key", "recipe: base\nsearch:\n  optimizer.learningRat: { log: [1, 2] }", "space.yaml:3"],
    [
      "a set key that the schema refuses",
      "recipe: base\nset:\n  epochs: 0\nsearch: { seed: { int: [1, 2] } }",
      "≥ 1 for epochs in space.yaml:3",
    ],
    [
      "a low end out of range",
      "recipe: base\nsearch: { decoder.hiddenSize: { int: [0, 8] } }",
      "≥ 1 for decoder.hiddenSize",
    ],
    ["a high end out of range", "recipe: base\nsearch: { decoder.dropout.output: { uniform: [0, 1] } }", "≤ 0.95"],
    [
      "one wrong choice",
      "recipe: base\nsearch: { decoder.normalization: { choice: [none, bacth] } }",
      'received "bacth"',
    ],
    [
      "a fraction for a whole number",
      "recipe: base\nsearch: { epochs: { uniform: [1.5, 2] } }",
      "a whole number for epochs",
    ],
    ["a key inside a value", "recipe: base\nsearch: { epochs.first: { int: [1, 2] } }", "Expected a number for epochs"],
    [
      "a key inside null",
      "recipe: base\nset: { decoder.attention: null }\nsearch: { decoder.attention.heads: { int: [1, 2] } }",
      "Expected keys and values for attention",
    ],
    ["a plain value", "recipe: base\nsearch: { epochs: 3 }", "Expected one of uniform, log, int"],
    [
      "two kinds at once",
      "recipe: base\nsearch: { epochs: { int: [1, 2], choice: [1] } }",
      "Expected one of uniform, log, int",
    ],
    ["a range from high to low", "recipe: base\nsearch: { epochs: { int: [3, 2] } }", "[low, high] with low < high"],
    ["a range of three", "recipe: base\nsearch: { epochs: { int: [1, 2, 3] } }", "[low, high] with low < high"],
    ["a range of texts", "recipe: base\nsearch: { epochs: { int: [a, b] } }", "[low, high] with low < high"],
    ["an endless range", "recipe: base\nsearch: { epochs: { int: [1, .inf] } }", "[low, high] with low < high"],
    ["a log range from 0", "recipe: base\nsearch: { optimizer.learningRate: { log: [0, 1] } }", "a range above 0"],
    ["a step of nothing", "recipe: base\nsearch: { epochs: { int: [1, 9], step: 0 } }", "a step of at least 1"],
    [
      "a step where there is none",
      "recipe: base\nsearch: { optimizer.epsilon: { log: [0.1, 1], step: 1 } }",
      "Expected no step",
    ],
    ["a broken step", "recipe: base\nsearch: { epochs: { int: [1, 9], step: 1.5 } }", "whole numbers"],
    ["no choices", "recipe: base\nsearch: { epochs: { choice: [] } }", "a list of 1 to 1000 values"],
    ["the same choice twice", "recipe: base\nsearch: { epochs: { choice: [2, 2] } }", "different values"],
    [
      "a key that follows nothing",
      "recipe: base\nsearch: { epochs: { int: [1, 2] }, seed: { sameAs: epoch } }",
      "sameAs of seed",
    ],
    [
      "a key that follows what every object has",
      "recipe: base\nsearch: { epochs: { int: [1, 2] }, seed: { sameAs: constructor } }",
      "sameAs of seed",
    ],
    [
      "a key under set and under search",
      "recipe: base\nset: { epochs: 3 }\nsearch:\n  epochs: { int: [1, 2] }",
      "epochs under set or under search for space.yaml:4",
    ],
    [
      "a section and a key of it",
      "recipe: base\nsearch:\n  optimizer.learningRate: { log: [0.1, 1] }\n  optimizer: { choice: [{}] }",
      "optimizer or optimizer.learningRate for space.yaml:3",
    ],
    [
      "a key under set of a section under search",
      "recipe: base\nset: { schedule.warmupSteps: 3 }\nsearch: { schedule: { choice: [{ kind: constant }] } }",
      "schedule or schedule.warmupSteps for space.yaml:2",
    ],
    [
      "a section under set and a key of it",
      "recipe: base\nset: { schedule.warmupSteps: 3, schedule: { kind: cosine } }\nsearch: { epochs: { int: [1, 2] } }",
      "schedule or schedule.warmupSteps for space.yaml:2",
    ],
    [
      "a key that JavaScript gives a meaning",
      "recipe: base\nsearch: { epochs: { int: [1, 2] }, __proto__: { int: [1, 2] } }",
      'a known key for space.yaml:2 but received "__proto__"',
    ],
    [
      "the metric itself",
      "recipe: base\nsearch: { selection.metric: { choice: [loss, CIDEr-D] } }",
      "Expected another key",
    ],
  ])("with %s is one sentence", async (_, text, message) => {
    const error = await parse(text).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RecipeError);
    expect((error as RecipeError).message).toContain(message);
    expect((error as RecipeError).message).toMatch(/^Expected .+ but received .+\.$/);
  });

  it("passes the faults of its base recipe on, with that file's name and line", async () => {
    await expect(parse("recipe: base\nsearch: { epochs: { int: [1, 2] } }", "epochs: 1\nseed: -1\n")).rejects.toThrow(
      "base.yaml:2",
    );
  });
});
