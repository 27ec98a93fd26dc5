import { describe, expect, it } from "vitest";
import { END_TOKEN_ID } from "../decoder/decoder-spec.js";
import { OptionError } from "../errors.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { orderByConsensus } from "./consensus.js";
import { generate } from "./generate.js";
import type { GeneratedCaption } from "./search-options.js";

const caption = (words: readonly number[], score = -1): GeneratedCaption => ({
  tokenIds: [...words, END_TOKEN_ID],
  logProbs: [score, ...words.map(() => 0)],
  score,
  normalizedScore: score,
  endedByMaxLength: false,
});
const wordsOf = (captions: readonly GeneratedCaption[]) =>
  captions.map(({ tokenIds }) => tokenIds.slice(0, -1).join(" "));

describe("consensus", () => {
  it("puts the caption first that has most in common with the others", () => {
    const ordered = orderByConsensus([
      caption([9, 8, 7, 6]),
      caption([4, 5, 6, 7]),
      caption([4, 5, 6]),
      caption([4, 5, 9]),
    ]);
    expect(wordsOf(ordered)).toEqual(["4 5 6 7", "4 5 6", "4 5 9", "9 8 7 6"]);
  });

  it("is 1 for copies of a caption of four words or more, and between 0 and 1 for others", () => {
    const copies = orderByConsensus([caption([4, 5, 6, 7]), caption([4, 5, 6, 7])]);
    for (const { consensus } of copies) expect(consensus).toBeCloseTo(1, 12);
    for (const { consensus } of orderByConsensus([caption([4, 5]), caption([6]), caption([])])) {
      expect(consensus).toBeGreaterThanOrEqual(0);
      expect(consensus).toBeLessThan(1);
    }
  });

  it("trusts likely captions more than unlikely ones", () => {
    const [a, b] = [
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ];
    expect(wordsOf(orderByConsensus([caption(a, -20), caption(b, -4)]))[0]).toBe(b.join(" "));
    expect(wordsOf(orderByConsensus([caption(a, -4), caption(b, -20)]))[0]).toBe(a.join(" "));
  });

  it("lets rare words decide where frequencies are known", () => {
    // Both outer captions share two words with the middle one; 5 and 6 are rare, 8 and 9 are everywhere.
    const counts = Array.from({ length: 12 }, (_, tokenId) => (tokenId === 5 || tokenId === 6 ? 2 : 5000));
    const captions = [caption([8, 9, 10]), caption([5, 6, 8, 9]), caption([5, 6, 11])];
    expect(wordsOf(orderByConsensus(captions, counts)).indexOf("5 6 11")).toBeLessThan(
      wordsOf(orderByConsensus(captions, counts)).indexOf("8 9 10"),
    );
  });

  it("keeps the order of equals, and does not overflow on very unlikely captions", () => {
    const ordered = orderByConsensus([caption([4], -5000), caption([5], -5000), caption([6], -5000)]);
    expect(wordsOf(ordered)).toEqual(["4", "5", "6"]);
    for (const { consensus } of ordered) expect(Number.isFinite(consensus)).toBe(true);
  });
});

describe("the option consensus", () => {
  const decoder = new TableDecoder({
    vocabSize: 8,
    // Three words, then the end: 4 is likeliest at first, but more of what follows 5 is alike.
    logits: (prefix) =>
      prefix.length === 3
        ? [0, 0, 9, 0, 0, 0, 0, 0]
        : prefix.length === 0
          ? [0, 0, -9, 0, 1, 0.9, 0.8, -3]
          : [0, 0, -9, 0, -2, 1, 0.9, -2],
  });

  it("searches that many captions and returns the nBest of them in order of consensus", async () => {
    const [result] = await generate(decoder, tableFeatures([0]), { consensus: 6, nBest: 3 });
    const [searched] = await generate(decoder, tableFeatures([0]), { beamWidth: 6, nBest: 6 });
    expect(result!.captions).toEqual(orderByConsensus(searched!.captions).slice(0, 3));
  });

  it.each([
    [{ consensus: 1 }, /an integer from 2 to 4096 for consensus/],
    [{ consensus: 5, beamWidth: 5 }, /consensus or beamWidth for a search/],
    [{ consensus: 5, temperature: 1 }, /a search for consensus but received "sampling"/],
    [{ consensus: 5, nBest: 6 }, /from 1 to 5 for nBest/],
  ])("refuses %j", async (options, message) => {
    const generated = generate(decoder, tableFeatures([0]), options);
    await expect(generated).rejects.toThrow(OptionError);
    await expect(generated).rejects.toThrow(message);
  });
});
