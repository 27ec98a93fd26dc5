import { describe, expect, it } from "vitest";
import { Corpus } from "../corpus.js";
import { golden } from "../testing/golden.js";
import { ptbTokenizer } from "../tokenizers/ptb/ptb-tokenizer.js";
import { ciderD, plainCider, prepareCider } from "./cider.js";

const references = golden.images.map((pair) => pair.references);
const candidates = golden.images.map((pair) => pair.candidate);

describe("prepareCider", () => {
  it("scores as the corpus metric does, again and again", () => {
    const prepared = prepareCider(references, ptbTokenizer);
    const wanted = [...ciderD().score(Corpus.prepare(golden.images, ptbTokenizer)).segments];
    for (let round = 0; round < 3; round++) {
      prepared.score(candidates.map((caption) => `${caption} seen in round ${round}`));
      expect([...prepared.score(candidates)]).toEqual(wanted);
    }
  });

  it("scores several captions of one image", () => {
    const prepared = prepareCider(references, ptbTokenizer);
    const [exact, other, same] = prepared.score([references[2]![0]!, candidates[0]!, candidates[2]!], [2, 2, 2]);
    expect(exact).toBe(same);
    expect(other).toBeLessThan(exact!);
  });

  it("refuses another number of captions and an image it does not have", () => {
    const prepared = prepareCider(references, ptbTokenizer);
    expect(() => prepared.score(["a"])).toThrow("Expected 20 captions for candidates but received 1.");
    expect(() => prepared.score(["a"], [20])).toThrow("Expected an index below 20 for images but received 20.");
  });
});

describe("plain CIDEr", () => {
  it("does not punish length or repetition as CIDEr-D does", () => {
    const stutter = golden.images.map((pair) => ({
      ...pair,
      candidate: `${pair.references[0]} ${pair.references[0]}`,
    }));
    const corpus = Corpus.prepare(stutter, ptbTokenizer);
    expect(plainCider().score(corpus).corpus).toBeGreaterThan(2 * ciderD().score(corpus).corpus);
  });

  it("gives the only reference itself 10", () => {
    const pairs = golden.images
      .slice(0, 5)
      .map(({ id, references: [first] }) => ({ id, candidate: first!, references: [first!] }));
    const scores = plainCider().score(Corpus.prepare(pairs, ptbTokenizer));
    for (const value of scores.segments) expect(value).toBeCloseTo(10, 9);
  });
});
