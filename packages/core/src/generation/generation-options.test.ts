import { describe, expect, it } from "vitest";
import { OptionError } from "../errors.js";
import { DEFAULT_SEARCH, type GenerationOptions, resolveGenerationOptions } from "./generation-options.js";

const resolve = (options: Record<string, unknown>, defaults?: GenerationOptions) =>
  resolveGenerationOptions(options as GenerationOptions, 100, defaults);

describe("resolveGenerationOptions", () => {
  it("completes nothing to the documented defaults", () => {
    expect(resolve({})).toEqual({ search: DEFAULT_SEARCH });
    expect(DEFAULT_SEARCH).toMatchObject({ beamWidth: 3, maxLength: 20, minLength: 1, nBest: 1 });
    expect(DEFAULT_SEARCH).toMatchObject({ lengthPenalty: 0.7, lengthPenaltyFormula: "average" });
  });

  it("takes options before a model's defaults, and undefined for absent", () => {
    const { search } = resolve({ beamWidth: 4, maxLength: undefined }, { beamWidth: 5, maxLength: 16, minLength: 2 });
    expect(search).toMatchObject({ beamWidth: 4, maxLength: 16, minLength: 2 });
  });

  it("takes a minLength of 0 for 1", () => {
    expect(resolve({ minLength: 0 }).search.minLength).toBe(1);
  });

  it("samples with one hypothesis though the model's defaults ask for a beam", () => {
    const resolved = resolve({ temperature: 0.8, seed: 3 }, { beamWidth: 5, nBest: 2, diversityGroups: 5 });
    expect(resolved.search).toMatchObject({ beamWidth: 1, nBest: 1 });
    expect(resolved.sampling).toEqual({ temperature: 0.8, topK: Number.POSITIVE_INFINITY, topP: 1, seed: 3 });
    expect(resolved.diversity).toBeUndefined();
  });

  it.each<[Record<string, unknown>, string, string | undefined]>([
    [{ beamWidth: 0 }, "Expected an integer from 1 to 4096 for beamWidth but received 0.", "1 is greedy"],
    [{ beamWidth: 2.5 }, "for beamWidth but received 2.5.", undefined],
    [{ beamWidth: "3" }, 'for beamWidth but received "3".', undefined],
    [{ nBest: 4 }, "Expected an integer from 1 to 3 for nBest but received 4.", "beamWidth of at least nBest"],
    [{ maxLength: 0 }, "for maxLength but received 0.", undefined],
    [{ minLength: 21 }, "Expected an integer from 0 to 20 for minLength", "cannot exceed maxLength"],
    [{ lengthPenalty: Number.NaN }, "a finite number for lengthPenalty but received NaN.", undefined],
    [{ lengthPenaltyFormula: "wu" }, "Expected none | average | gnmt for lengthPenaltyFormula", undefined],
    [{ noRepeatNgramSize: -1 }, "for noRepeatNgramSize but received -1.", undefined],
    [{ bannedTokens: [100] }, "Expected an integer from 0 to 99 for bannedTokens but received 100.", undefined],
    [{ bannedTokens: 7 }, "a list of token ids for bannedTokens", undefined],
    [{ bannedTokens: [2] }, 'words for bannedTokens but received "<end>"', "no caption can end"],
    [{ forcedPrefix: [1] }, "words that are not banned for forcedPrefix but received 1.", undefined],
    [{ forcedPrefix: [7], bannedTokens: [7] }, "words that are not banned for forcedPrefix", undefined],
    [{ forcedPrefix: [7], forbiddenFirstWords: [7] }, "a first word that is not forbidden", undefined],
    [{ forcedPrefix: [7, 8], maxLength: 2 }, "fewer than maxLength = 2 words for forcedPrefix", undefined],
    [{ temperature: 1, beamWidth: 3 }, "Expected beamWidth 1 for sampling but received 3.", "Drop beamWidth"],
    [{ temperature: 0 }, "a finite number > 0 for temperature but received 0.", "greedy"],
    [{ topK: 0 }, "Expected an integer ≥ 1 for topK but received 0.", undefined],
    [{ topP: 1.5 }, "a probability 0 < p ≤ 1 for topP but received 1.5.", undefined],
    [{ seed: 3 }, "no seed for a search without sampling but received 3.", "temperature, topK or topP"],
    [{ diversityGroups: 2 }, "a divisor of beamWidth = 3 for diversityGroups but received 2.", undefined],
    [{ diversityPenalty: 1 }, "diversityGroups beside it for diversityPenalty", undefined],
    [{ diversityGroups: 3, diversityPenalty: -1 }, "a finite number ≥ 0 for diversityPenalty", undefined],
    [{ beamwidht: 3 }, 'a known name for generation option but received "beamwidht".', "Did you mean beamWidth?"],
    [{ flavour: 3 }, 'but received "flavour".', "Known names: beamWidth,"],
  ])("refuses %j with one line", (options, message, hint) => {
    expect(() => resolve(options)).toThrow(OptionError);
    expect(() => resolve(options)).toThrow(message);
    try {
      resolve(options);
    } catch (error) {
      if (hint !== undefined) expect((error as OptionError).hint).toContain(hint);
      expect((error as OptionError).message).not.toContain("\n");
    }
  });

  it("refuses rules that leave no first word", () => {
    const bannedTokens = [4, 5, 6];
    expect(() => resolveGenerationOptions({ bannedTokens, minLength: 2 }, 7)).toThrow(
      "at least one allowed first word",
    );
    expect(resolveGenerationOptions({ bannedTokens }, 7).search.bannedTokens).toEqual(bannedTokens);
  });
});
