import { describe, expect, it } from "vitest";
import { bootstrapIntervals, unionScore } from "./analysis/resampling.js";
import { type CaptionPair, Corpus } from "./corpus.js";
import { bleu } from "./metrics/bleu.js";
import { ciderD, plainCider } from "./metrics/cider.js";
import { meteor } from "./metrics/meteor/meteor.js";
import { rougeL } from "./metrics/rouge-l.js";
import { loadSynonyms } from "./node.js";
import { SeededRandom } from "./random.js";
import { golden } from "./testing/golden.js";
import { ptbTokenizer } from "./tokenizers/ptb/ptb-tokenizer.js";
import { noTokenizer } from "./tokenizers/tokenizer.js";

const synonyms = await loadSynonyms();
const SCORERS = [bleu(1), bleu(2), bleu(3), bleu(4), meteor({ synonyms }), rougeL(), ciderD(), plainCider()];

function score(pairs: readonly CaptionPair[]) {
  const corpus = Corpus.prepare(pairs, ptbTokenizer);
  return new Map(SCORERS.map((scorer) => [scorer.name, scorer.score(corpus)]));
}

/** Captions of random words over a small vocabulary, so that n-grams meet by chance. */
function randomPairs(count: number, seed: number): CaptionPair[] {
  const random = new SeededRandom(seed);
  const words = "a the dog dogs cat runs running jumps on in water grass big small red".split(" ");
  const caption = () => Array.from({ length: 1 + random.below(9) }, () => words[random.below(words.length)]!).join(" ");
  return Array.from({ length: count }, (_, i) => ({
    id: `image-${i}`,
    candidate: caption(),
    references: Array.from({ length: 1 + random.below(4) }, caption),
  }));
}

describe("properties of every metric", () => {
  it("do not depend on the order of the images", () => {
    const pairs = [...golden.images, ...randomPairs(60, 3)];
    const forward = score(pairs);
    const backward = score(pairs.toReversed());
    for (const [name, { corpus, segments }] of forward) {
      expect(backward.get(name)!.corpus, name).toBeCloseTo(corpus, 12);
      segments.forEach((value, i) => {
        expect(backward.get(name)!.segments[pairs.length - 1 - i], name).toBeCloseTo(value, 12);
      });
    }
  });

  it("do not depend on the ids", () => {
    const renamed = golden.images.map((pair) => ({ ...pair, id: `split/test/${pair.id}` }));
    const plain = score(golden.images);
    for (const [name, scores] of score(renamed)) {
      expect([scores.corpus, ...scores.segments], name).toEqual([
        plain.get(name)!.corpus,
        ...plain.get(name)!.segments,
      ]);
    }
  });

  it("give a caption equal to a reference the highest BLEU and ROUGE-L", () => {
    const pairs = golden.images.map((pair) => ({ ...pair, candidate: pair.references[1]! }));
    const scores = score(pairs);
    for (const name of ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L"]) {
      // BLEU's offsets leave a trace of 1e-9; a caption too short for an order has nothing to match there.
      scores.get(name)!.segments.forEach((value, i) => {
        expect(value, `${name} of ${pairs[i]!.id}`).toBeCloseTo(1, 7);
      });
      expect(scores.get(name)!.corpus).toBeCloseTo(1, 7);
    }
  });

  it("lie in their ranges", () => {
    for (const [name, { corpus, segments }] of score(randomPairs(300, 11))) {
      const highest = name.startsWith("CIDEr") ? 10 : 1;
      for (const value of [corpus, ...segments]) {
        expect(value, name).toBeGreaterThanOrEqual(0);
        expect(value, name).toBeLessThanOrEqual(highest + 1e-9);
      }
    }
  });

  it("aggregate to the union of two sets by the sum of their statistics", () => {
    const pairs = randomPairs(80, 5);
    const [first, second, whole] = [score(pairs.slice(0, 30)), score(pairs.slice(30)), score(pairs)];
    for (const { name } of SCORERS.filter((scorer) => !scorer.name.startsWith("CIDEr"))) {
      expect(unionScore([first.get(name)!, second.get(name)!]), name).toBeCloseTo(whole.get(name)!.corpus, 12);
    }
    // CIDEr's document frequencies belong to a set, so its union is only defined within one: the mean over images.
    const cider = whole.get("CIDEr-D")!;
    expect(unionScore([cider])).toBe(cider.corpus);
  });

  it("have bootstrap intervals that cover the corpus value", () => {
    const scores = [...score(randomPairs(120, 21)).values()];
    bootstrapIntervals(scores, { samples: 400 }).forEach(({ low, high }, i) => {
      expect(low).toBeLessThanOrEqual(scores[i]!.corpus);
      expect(high).toBeGreaterThanOrEqual(scores[i]!.corpus);
      expect(high).toBeGreaterThan(low);
    });
  });

  it("give a set of one image no CIDEr, for every n-gram is in every document", () => {
    const scores = score([golden.images[2]!]);
    expect(scores.get("CIDEr-D")!.corpus).toBe(0);
    expect(scores.get("ROUGE-L")!.corpus).toBe(1);
  });
});

describe("edge cases of the reference programs", () => {
  const rouge = (candidate: string, reference: string) =>
    rougeL().score(Corpus.prepare([{ id: "1", candidate, references: [reference] }], noTokenizer)).corpus;

  it("score an empty caption against an empty reference 1 in ROUGE-L, 0 elsewhere", () => {
    expect(rouge("", "")).toBe(1);
    expect(rouge("", "a dog")).toBe(0);
    const corpus = Corpus.prepare([{ id: "1", candidate: "", references: ["a dog"] }], noTokenizer);
    expect(bleu(4).score(corpus).corpus).toBe(0);
    expect(meteor({ synonyms }).score(corpus).corpus).toBe(0);
  });

  it("split at a no-break space for BLEU but not for ROUGE-L", () => {
    const corpus = Corpus.prepare([{ id: "1", candidate: "1\u00A01/2 cups", references: ["1 1/2 cups"] }], noTokenizer);
    expect(bleu(1).score(corpus).corpus).toBeCloseTo(1, 8);
    expect(rougeL().score(corpus).corpus).toBeLessThan(0.5);
  });

  it("take the shorter of two equally close references for the brevity penalty", () => {
    const corpus = Corpus.prepare([{ id: "1", candidate: "a b", references: ["a b c", "a"] }], noTokenizer);
    expect(bleu(1).score(corpus).statistics.rows[1]).toBe(1);
    expect(bleu(1).score(corpus).corpus).toBeCloseTo(1, 8);
  });

  it("refuse an id given twice and an image without references", () => {
    const pair = { id: "7", candidate: "a", references: ["a"] };
    expect(() => Corpus.prepare([pair, pair], noTokenizer)).toThrow('Expected each id once for id but received "7".');
    expect(() => Corpus.prepare([{ ...pair, references: [] }], noTokenizer)).toThrow(
      "Expected at least one reference caption for image 7 but received [].",
    );
  });
});
