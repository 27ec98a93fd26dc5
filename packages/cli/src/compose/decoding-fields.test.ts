import { type CaptionOptions, resolveGenerationOptions, Vocabulary } from "@showtell/core";
import { describe, expect, it } from "vitest";
import { decodingFields } from "./decoding-fields.js";

const vocabulary = Vocabulary.build(["a dog runs", "a cat sleeps"], { minCount: 1 });
const generation = { beamWidth: 3, maxLength: 21, minLength: 1, noRepeatNgramSize: 0 };
const fieldsOf = (options: CaptionOptions, others = {}) => {
  const resolved = resolveGenerationOptions(options, vocabulary.size, generation);
  return decodingFields({ ...resolved, views: undefined, modelCount: 1, ...others }, { vocabulary, generation });
};
const ordinary = { beam: 3, lp: "average-0.7" };
const id = (word: string) => vocabulary.idOf(word)!;

describe("decodingFields", () => {
  it("says beam and length penalty of a search as the model asks for it", () => {
    expect(fieldsOf({})).toEqual(ordinary);
    expect(fieldsOf({ maxLength: 21, minLength: 0, lengthPenaltyFormula: "none" })).toEqual({ beam: 3, lp: "none" });
  });

  it.each<[string, CaptionOptions, object]>([
    ["temperature", { temperature: 1, seed: 3 }, { beam: 1, temperature: 1, seed: 3 }],
    ["top-k", { topK: 5 }, { beam: 1, temperature: 1, "top-k": 5, seed: 0 }],
    ["top-p", { topP: 0.9 }, { beam: 1, temperature: 1, "top-p": 0.9, seed: 0 }],
    ["groups", { beamWidth: 4, diversityGroups: 2 }, { beam: 4, groups: "2-0.5" }],
    ["lengths", { maxLength: 20, minLength: 5 }, { max: 20, min: 5 }],
    ["repeated runs", { noRepeatNgramSize: 2 }, { repeat: 2 }],
    ["banned words", { bannedTokens: [id("dog"), id("cat")] }, { ban: "dog+cat" }],
    ["a prefix", { forcedPrefix: [id("a"), id("dog")] }, { prefix: "a+dog" }],
    ["consensus", { consensus: 20 }, { beam: 20, choice: "consensus" }],
  ])("says what is asked for beyond that: %s", (_, options, fields) => {
    expect(fieldsOf(options)).toEqual({ ...ordinary, ...fields });
  });

  it("says who voted", () => {
    expect(fieldsOf({}, { views: ["plain", "mirrored"], modelCount: 2 })).toEqual({
      ...ordinary,
      views: "plain+mirrored",
      models: 2,
    });
  });
});
