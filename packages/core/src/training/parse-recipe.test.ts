import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RecipeError } from "../errors.js";
import { Random } from "../random.js";
import { mutateBytes } from "../testing/mutate.js";
import { differingKeys, formatRecipe, parseRecipe } from "./parse-recipe.js";

const recipes = new URL("../../../../recipes/", import.meta.url);
const readRecipe = (name: string) => readFileSync(new URL(name, recipes), "utf8");

describe("recipe", () => {
  it.each(readdirSync(recipes).filter((name) => name.endsWith(".yaml")))(
    "reads %s, and again what it writes",
    (name) => {
      const recipe = parseRecipe(readRecipe(name), name);
      expect(`${recipe.name}.yaml`).toBe(name);
      expect(parseRecipe(formatRecipe(recipe), "again")).toEqual(recipe);
    },
  );

  it("states the reference system's final hyper-parameters", () => {
    const recipe = parseRecipe(readRecipe("flickr8k-reference.yaml"), "reference");
    expect(recipe.optimizer).toMatchObject({
      learningRate: 0.0005050182149478269,
      epsilon: 1e-8,
      clipNorm: 5,
      averageDecay: null,
    });
    expect(recipe.decoder).toMatchObject({
      embeddingSize: 300,
      hiddenSize: 300,
      layerCount: 3,
      gateActivation: "hardSigmoid",
    });
    expect(recipe.batching).toEqual({ by: "captions", batchSize: 32, bucketBatches: 1 });
    expect(recipe.schedule).toMatchObject({ kind: "plateau", factor: 0.3, patience: 3 });
  });

  it("fills an empty recipe with defaults", () => {
    const recipe = parseRecipe("", "empty");
    expect(recipe.batching).toEqual({ by: "captions", batchSize: 64, bucketBatches: 50 });
    expect(recipe.schedule).toEqual({ kind: "constant", warmupSteps: 0 });
    expect(recipe.earlyStopping).toBeNull();
  });

  it.each([
    [
      "optimizer:\n  learningrate: 1",
      /^Expected a known key for optimizer in r\.yaml:2 but received "learningrate"\.$/,
      /Did you mean learningRate\?/,
    ],
    [
      "batching: {by: photos, batchSize: 64}",
      /^Expected a key of this kind for batching in r\.yaml:1 but received "batchSize"\.$/,
      /Write the section anew: batching: \{ … \}\./,
    ],
    ["optimiser: {}", /^Expected a known key for r\.yaml:1 but received "optimiser"\.$/, /Did you mean optimizer\?/],
    ["zzz: 1", /a known key/, /Known keys: name, seed, data/],
    [
      "schedule:\n  kind: cosine\n  patience: 3",
      /a key of this kind for schedule in r\.yaml:3 but received "patience"/,
      /Write the section anew/,
    ],
    [
      "optimizer:\n  learningRate: fast",
      /^Expected a number for optimizer\.learningRate in r\.yaml:2 but received "fast"\.$/,
      undefined,
    ],
    ["epochs: 1.5", /^Expected a whole number for epochs in r\.yaml:1 but received 1\.5\.$/, undefined],
    ["epochs: 0", /a value ≥ 1 for epochs in r\.yaml:1 but received 0/, undefined],
    ["labelSmoothing: 1", /a value < 1 for labelSmoothing in r\.yaml:1 but received 1/, undefined],
    ["data: 5", /keys and values for data in r\.yaml:1 but received 5/, undefined],
    [
      "features:\n  standardize: maybe",
      /true or false for features\.standardize in r\.yaml:2 but received "maybe"/,
      undefined,
    ],
    [
      "features:\n  views: [plain, above]",
      /one of plain, mirrored, closer, closer-mirrored for features\.views/,
      undefined,
    ],
    ["data:\n  tokenizer: bpe", /one of keras, unicode for data\.tokenizer in r\.yaml:2 but received "bpe"/, undefined],
    [
      "schedule:\n  kind: linear",
      /one of constant, cosine, plateau for schedule\.kind in r\.yaml:2 but received "linear"/,
      undefined,
    ],
    [
      "batching:\n  batchSize: 3",
      /one of captions, photos for batching\.by in r\.yaml:2 but received undefined/,
      undefined,
    ],
    ["decoder:\n  attention:\n    heads: 3", /a multiple of heads for decoder\.attention\.size/, undefined],
    ["decoding:\n  beamWidth: 0", /a value ≥ 1 for decoding\.beamWidth in r\.yaml:2 but received 0/, undefined],
    ["name: A Name", /lower-case letters.* for name in r\.yaml:1 but received "A Name"/, undefined],
    ["- 1", /keys and values for r\.yaml but received \[1\]/, undefined],
    ["a: [", /YAML for r\.yaml:\d/, /recipes\//],
    ["epochs: 1\nepochs: 2", /YAML for r\.yaml:2 but received "Map keys must be unique/, undefined],
  ])("explains %j", (text, message, hint) => {
    let caught: unknown;
    try {
      parseRecipe(text, "r.yaml");
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(RecipeError);
    expect((caught as RecipeError).message).toMatch(message);
    expect((caught as RecipeError).message).not.toContain("\n");
    if (hint) expect((caught as RecipeError).hint).toMatch(hint);
  });

  it("refuses a file that unfolds into more than it says", () => {
    const bomb = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
    for (let i = 1; i < 9; i++)
      bomb.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(",")}]`,
      );
    expect(() => parseRecipe(bomb.join("\n"), "bomb")).toThrow(RecipeError);
  });

  it("answers damaged recipes with a recipe or a RecipeError", () => {
    const random = new Random(4);
    const bytes = Buffer.from(readRecipe("flickr8k-attention.yaml"));
    for (let i = 0; i < 300; i++) {
      try {
        expect(parseRecipe(Buffer.from(mutateBytes(bytes, random)).toString(), "r").epochs).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(RecipeError);
      }
    }
  });

  it("takes settings from outside its file, and says where what is wrong was given", () => {
    const text = "# a comment\nname: base\nepochs: 3\ndecoder: { attention: null }\n";
    const setting = (key: string, value: string | number) => ({ key, value, place: `--set ${key}=${value}` });
    const parse = (...settings: ReturnType<typeof setting>[]) => parseRecipe(text, "base.yaml", settings);
    const recipe = parse(setting("epochs", 4), setting("optimizer.learningRate", 0.5), setting("epochs", 5));
    expect(recipe).toMatchObject({ name: "base", epochs: 5, optimizer: { learningRate: 0.5 } });
    expect(() => parse(setting("epochs", 0))).toThrow("for epochs in --set epochs=0 but received 0");
    expect(() => parse(setting("foo", 1))).toThrow('a known key for --set foo=1 but received "foo"');
    expect(() => parse(setting("optimizer", 1))).toThrow("for optimizer in --set optimizer=1");
    expect(() => parse(setting("decoder.attention.heads", 2))).toThrow("attention in --set decoder.attention.heads=2");
    // What the file itself says is told with the file's own line.
    const faulty = () => parseRecipe(`${text}seed: -1\n`, "base.yaml", [setting("epochs", 4)]);
    expect(faulty).toThrow("for seed in base.yaml:5");
  });

  it("names the keys in which two recipes differ, with both values", () => {
    const before = parseRecipe("epochs: 3", "a");
    const after = parseRecipe("epochs: 4\noptimizer: {averageDecay: 0.9}\nschedule: {kind: cosine}", "b");
    expect(differingKeys(before, before)).toEqual([]);
    expect(differingKeys(before, after)).toEqual([
      "optimizer.averageDecay (null → 0.9)",
      'schedule.kind ("constant" → "cosine")',
      "schedule.finalLearningRate (absent → 0)",
      "epochs (3 → 4)",
    ]);
  });
});
