import { noTokenizer } from "@showtell/eval";
import { describe, expect, it } from "vitest";
import { groupByConfidence } from "./describe.js";
import { EXAMPLE } from "./example-report.js";
import { pickCaptions } from "./pick-captions.js";
import { wordUse } from "./word-use.js";

const caption = (id: string, score: number, confidence: number) => ({
  ...EXAMPLE.captions[0]!,
  id,
  scores: { CIDEr: score },
  confidence,
});

describe("the captions that are shown", () => {
  const captions = [caption("a", 1, 0.1), caption("b", 0, 0.2), caption("c", 0, 0.9), caption("d", 2, 0.5)];

  it("are the best, the worst with the surest first, the most uncertain, and a sample that never changes", () => {
    const { sample, best, worst, uncertain } = pickCaptions(captions, 3, "CIDEr");
    expect(best).toEqual(["d", "a", "c"]);
    expect(worst).toEqual(["c", "b", "a"]);
    expect(uncertain).toEqual(["a", "b", "d"]);
    expect(new Set(sample).size).toBe(3);
    expect(pickCaptions(captions, 3, "CIDEr").sample).toEqual(sample);
  });

  it("are none where none are wanted", () => {
    expect(Object.values(pickCaptions(captions, 0, "CIDEr")).flat()).toEqual([]);
  });
});

describe("groups by confidence", () => {
  it("are fifths from the least confident, with the mean of their scores", () => {
    const captions = Array.from({ length: 10 }, (_, i) => caption(String(i), i, (10 - i) / 10));
    const groups = groupByConfidence(captions);
    expect(groups.map(({ captions: size }) => size)).toEqual([2, 2, 2, 2, 2]);
    expect(groups[0]).toMatchObject({ from: 0.1, to: 0.2, meanScore: 8.5 });
    expect(groups[4]).toMatchObject({ from: 0.9, to: 1, meanScore: 0.5 });
  });

  it("are fewer where there are fewer captions", () => {
    expect(groupByConfidence([caption("a", 1, 0.5), caption("b", 2, 0.6)]).length).toBe(2);
  });
});

describe("the use of words", () => {
  it("counts texts that have a word, not how often they say it", () => {
    const use = wordUse(
      ["a dog a dog", "a cat"],
      ["a dog", "the bird", "the cat", "a bird"],
      ["a dog", "a the"],
      noTokenizer,
    );
    expect(use.overused).toEqual([
      { word: "a", inCaptions: 1, inReferences: 0.5 },
      { word: "dog", inCaptions: 0.5, inReferences: 0.25 },
      { word: "cat", inCaptions: 0.5, inReferences: 0.25 },
    ]);
    expect(use.neverSaid.map(({ word }) => word)).toEqual(["the", "bird"]);
    expect(use.bands).toEqual([{ fromRank: 1, toRank: 3, inCaptions: 2, inReferences: 3 }]);
  });
});
