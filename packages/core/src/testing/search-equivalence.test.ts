import { describe, expect, it } from "vitest";
import type { BackendDecoder, Features } from "../decoder/backend.js";
import type { Generated, GeneratedCaption, SearchOptions } from "../generation/search-options.js";
import { searchOverSteps } from "../generation/search-over-steps.js";
import { searchEquivalence } from "./search-equivalence.js";
import { TableDecoder, tableFeatures } from "./table-decoder.js";

const VOCAB_SIZE = 9;

/** A decoder whose own search is core's, tampered with. */
function deviceDecoder(tamper: (caption: GeneratedCaption) => GeneratedCaption): BackendDecoder {
  const table = new TableDecoder({
    vocabSize: VOCAB_SIZE,
    logits: (prefix, image) =>
      Array.from({ length: VOCAB_SIZE }, (_, id) => Math.sin(id * (image + 2) + prefix.length)),
  });
  const generate = async (features: Features, search: SearchOptions): Promise<Generated[]> => {
    const generated = await searchOverSteps([{ decoder: table, features }], { search });
    return generated.map(({ captions }) => ({ captions: captions.map(tamper) }));
  };
  return Object.assign(table, { generate, supportsSearch: () => true as const });
}

const compare = (tamper: (caption: GeneratedCaption) => GeneratedCaption) =>
  searchEquivalence(deviceDecoder(tamper), tableFeatures([1, 2, 3]), { beamWidth: 3, nBest: 2 });

describe("searchEquivalence", () => {
  it("finds a faithful search identical", async () => {
    expect(await compare((caption) => caption)).toEqual({ images: 3, identical: 3, nearTies: 0, differences: [] });
  });

  it("counts other words of the same score as near ties", async () => {
    const report = await compare((caption) => ({
      ...caption,
      tokenIds: caption.tokenIds.map((id) => (id === 5 ? 6 : 5)),
    }));
    expect(report).toMatchObject({ nearTies: 3, differences: [] });
  });

  it.each<[string, (caption: GeneratedCaption) => GeneratedCaption, RegExp]>([
    ["another normalised score", (one) => ({ ...one, normalizedScore: one.normalizedScore + 1e-4 }), /normalizedScore/],
    ["NaN", (one) => ({ ...one, normalizedScore: Number.NaN }), /normalizedScore NaN/],
    ["a score that is no sum", (one) => ({ ...one, score: one.score - 1 }), /not the sum/],
    ["a wrong flag", (one) => ({ ...one, endedByMaxLength: !one.endedByMaxLength }), /endedByMaxLength/],
    ["shifted log-probabilities", (one) => ({ ...one, logProbs: one.logProbs.toReversed() }), /logProbs\[0\]/],
    [
      "a missing log-probability",
      (one) => ({ ...one, logProbs: one.logProbs.slice(1) }),
      /one log-probability per token/,
    ],
  ])("reports %s", async (_, tamper, reason) => {
    const { differences, identical } = await compare(tamper);
    expect(identical).toBe(0);
    expect(differences).toHaveLength(3);
    expect(differences[0]!.reason).toMatch(reason);
  });

  it("refuses a decoder without a search of its own", async () => {
    const table = new TableDecoder({ vocabSize: VOCAB_SIZE, logits: () => new Array<number>(VOCAB_SIZE).fill(0) });
    await expect(searchEquivalence(table, tableFeatures([1]), {})).rejects.toThrow("a search of its own");
  });
});
