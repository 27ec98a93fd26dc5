import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { captionStatistics } from "./analysis/caption-statistics.js";
import { humanAgreement } from "./analysis/human-agreement.js";
import { bootstrapIntervals, compareSystems } from "./analysis/resampling.js";
import { Corpus } from "./corpus.js";
import { EvaluationError } from "./errors.js";
import { compareEvaluations, evaluateCaptions } from "./evaluate-captions.js";
import { bleu } from "./metrics/bleu.js";
import { ciderD } from "./metrics/cider.js";
import { rougeL } from "./metrics/rouge-l.js";
import { loadParaphrases, loadSynonyms } from "./node.js";
import { golden } from "./testing/golden.js";
import { ptbTokenizer } from "./tokenizers/ptb/ptb-tokenizer.js";
import { noTokenizer } from "./tokenizers/tokenizer.js";
import { VERSION } from "./version.js";

const synonyms = await loadSynonyms();

describe("evaluateCaptions", () => {
  it("gives coco-caption's keys, unscaled, with a signature for each", async () => {
    const evaluation = await evaluateCaptions(golden.images, { synonyms, signature: { beam: 3 } });
    const keys = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR (no paraphrases)", "ROUGE_L", "CIDEr"];
    expect(Object.keys(evaluation.corpus)).toEqual(keys);
    expect(Object.keys(evaluation.intervals)).toEqual(keys);
    expect(evaluation.signature["CIDEr"]).toBe(
      `CIDEr-D|refs:2-4|n:20|tok:ptb-3.4.1|case:lc|end:no|df:references|beam:3|showtell:${VERSION}`,
    );
    expect(evaluation.signature["METEOR (no paraphrases)"]).toContain(
      "|meteor-1.5-wo-en-norm-0.85_0.2_0.6_0.75-ex_st_sy-1.0_0.6_0.8|",
    );
    expect(evaluation.segments.get("roof")!["ROUGE_L"]).toBe(1);
    expect([...evaluation.segments.keys()]).toEqual(golden.images.map(({ id }) => id));
  });

  it("takes a stream, and gives the same", async () => {
    async function* stream() {
      yield* golden.images;
    }
    const options = { synonyms, intervals: false } as const;
    const whole = await evaluateCaptions(golden.images, options);
    const streamed = await evaluateCaptions(stream(), options);
    expect(streamed.corpus).toEqual(whole.corpus);
    expect(streamed.intervals).toEqual({});
  });

  it("counts an end word only when asked, and says so", async () => {
    const options = { metrics: ["BLEU", "ROUGE-L"], intervals: false } as const;
    const plain = await evaluateCaptions(golden.images, options);
    const ended = await evaluateCaptions(golden.images, { ...options, endToken: "endword" });
    expect(ended.corpus["Bleu_1"]).toBeGreaterThan(plain.corpus["Bleu_1"]!);
    expect(ended.corpus["ROUGE_L"]).toBeGreaterThan(plain.corpus["ROUGE_L"]!);
    expect(ended.signature["Bleu_1"]).toContain("|end:endword|");
  });

  it("refuses what it cannot score", async () => {
    await expect(evaluateCaptions([], { synonyms })).rejects.toThrow(
      "Expected at least one image for the corpus but received [].",
    );
    await expect(evaluateCaptions(golden.images)).rejects.toThrow(
      "Expected WordNet's synonyms for synonyms but received undefined.",
    );
    await expect(evaluateCaptions(golden.images, { metrics: ["SPICE" as never] })).rejects.toThrow(
      "Expected one of BLEU, METEOR",
    );
    await expect(evaluateCaptions(golden.images, { synonyms, endToken: "two words" })).rejects.toThrow(
      "Expected one word for endToken",
    );
    await expect(evaluateCaptions(golden.images, { synonyms, tokenizer: "ptb3" as never })).rejects.toThrow(
      'Expected "ptb" or "none" for tokenizer',
    );
    await expect(
      evaluateCaptions(golden.images, {
        synonyms,
        paraphrases: (phrases) => loadParaphrases("no/such/file.gz", phrases),
      }),
    ).rejects.toThrow("no such file");
  });
});

describe("what a program without types may pass", () => {
  const pair = { id: "1", candidate: "a dog", references: ["a dog runs"] };
  const metrics = ["BLEU"];

  it.each<[string, unknown, unknown, string]>([
    ["no pairs", undefined, { metrics }, "Expected a list of images for pairs but received undefined."],
    ["a pair that is none", [null], { metrics }, "for an image but received null."],
    ["a number for a candidate", [{ ...pair, candidate: 5 }], { metrics }, "the candidate of image 1 but received 5."],
    ["no candidate", [{ ...pair, candidate: null }], { metrics }, "the candidate of image 1 but received null."],
    [
      "one reference",
      [{ ...pair, references: "a dog" }],
      { metrics },
      'the references of image 1 but received "a dog".',
    ],
    ["a number for a reference", [{ ...pair, references: [5] }], { metrics }, "a reference of image 1 but received 5."],
    ["no options", [pair], null, "Expected an object for options but received null."],
    ["an unknown option", [pair], { metrics, samples: 5 }, 'a known name for options but received "samples".'],
    ["one metric", [pair], { metrics: "BLEU" }, 'Expected a list of metrics for metrics but received "BLEU".'],
    ["a tokenizer that is none", [pair], { metrics, tokenizer: {} }, 'Expected "ptb" or "none" for tokenizer'],
    ["a negative number of samples", [pair], { metrics, intervals: { samples: -1 } }, "for samples but received -1."],
    ["half a sample", [pair], { metrics, intervals: { samples: 1.5 } }, "for samples but received 1.5."],
    [
      "endless samples",
      [pair],
      { metrics, intervals: { samples: 1e11 } },
      "a whole number from 1 to 1000000 for samples",
    ],
    ["an unknown setting", [pair], { metrics, intervals: { sample: 5 } }, 'for resampling but received "sample".'],
    ["intervals that are none", [pair], { metrics, intervals: true }, "an object for resampling but received true."],
  ])("is an EvaluationError: %s", async (_, pairs, options, message) => {
    const evaluation = evaluateCaptions(pairs as never, options as never);
    await expect(evaluation).rejects.toThrow(message);
    await expect(evaluation).rejects.toBeInstanceOf(EvaluationError);
  });

  it.each([0, 1.5, 9, "4"])("is an EvaluationError: BLEU of order %s", (order) => {
    expect(() => bleu(order as never)).toThrow(/^Expected 1, 2, 3 or 4 for order but received /);
  });
});

describe("comparing two systems", () => {
  const options = { metrics: ["BLEU", "ROUGE-L", "CIDEr-D"], intervals: false } as const;
  const better = golden.images.map((pair) => ({ ...pair, candidate: pair.references[0]! }));

  it("finds a clear difference significant, and none between equals", async () => {
    const [weak, strong] = [await evaluateCaptions(golden.images, options), await evaluateCaptions(better, options)];
    const comparison = compareEvaluations(strong, weak, { samples: 500 });
    for (const key of ["Bleu_4", "ROUGE_L", "CIDEr"]) {
      expect(comparison[key]!.difference, key).toBeCloseTo(strong.corpus[key]! - weak.corpus[key]!, 12);
      expect(comparison[key]!.pValue, key).toBeLessThan(0.01);
      expect(comparison[key]!.interval.low, key).toBeGreaterThan(0);
    }
    const same = compareEvaluations(weak, weak, { samples: 100 });
    expect(same["CIDEr"]).toEqual({ difference: 0, interval: { low: 0, high: 0 }, pValue: 1 });
  });

  it("gives the same p-value whichever system comes first", async () => {
    const [a, b] = [await evaluateCaptions(golden.images, options), await evaluateCaptions(better, options)];
    const forth = compareEvaluations(a, b, { samples: 200, seed: 9 });
    const back = compareEvaluations(b, a, { samples: 200, seed: 9 });
    for (const [key, { pValue, difference }] of Object.entries(forth)) {
      expect(back[key]!.pValue).toBe(pValue);
      expect(back[key]!.difference).toBeCloseTo(-difference, 12);
    }
  });

  it("refuses systems that captioned other images", async () => {
    const a = await evaluateCaptions(golden.images, options);
    const b = await evaluateCaptions(golden.images.slice(1), options);
    expect(() => compareEvaluations(a, b)).toThrow("Expected the same images in the same order for the other system");
    const scores = rougeL().score(Corpus.prepare(golden.images.slice(1), ptbTokenizer));
    expect(() => compareSystems([scores], [])).toThrow("Expected scores of the same 19 images");
  });
});

describe("bootstrap intervals", () => {
  const scores = [rougeL(), ciderD()].map((scorer) => scorer.score(Corpus.prepare(golden.images, ptbTokenizer)));

  it("repeat with the seed and widen with the confidence", () => {
    const interval = (options: object) => bootstrapIntervals(scores, { samples: 300, ...options })[0]!;
    expect(interval({ seed: 4 })).toEqual(interval({ seed: 4 }));
    expect(interval({ seed: 4 })).not.toEqual(interval({ seed: 5 }));
    const [narrow, wide] = [interval({ confidence: 0.5 }), interval({ confidence: 0.99 })];
    expect(wide.high - wide.low).toBeGreaterThan(narrow.high - narrow.low);
  });

  it("have about the width the spread of the segments predicts", () => {
    const [{ low, high }] = bootstrapIntervals(scores, { samples: 4000 }) as [{ low: number; high: number }];
    const { segments, corpus } = scores[0]!;
    const variance = segments.reduce((sum, value) => sum + (value - corpus) ** 2, 0) / segments.length;
    expect((high - low) / (2 * 1.96 * Math.sqrt(variance / segments.length))).toBeCloseTo(1, 0);
  });

  it.each([[{ samples: 0 }], [{ confidence: 1 }], [{ seed: 0.5 }]])("refuse %j", (options) => {
    expect(() => bootstrapIntervals(scores, options)).toThrow(/^Expected .* but received /);
  });
});

describe("caption statistics", () => {
  const pair = (id: string, candidate: string) => ({ id, candidate, references: ["one two three four"] });
  const corpus = Corpus.prepare([pair("1", "a dog and a dog"), pair("2", "a cat"), pair("3", "a cat")], noTokenizer);

  it("count words, lengths, repetition and novelty", () => {
    const statistics = captionStatistics(corpus, {
      trainingCaptions: ["a cat", "no dog"],
      vocabularySize: 8,
      maxLength: 5,
    });
    expect(statistics).toEqual({
      captions: 3,
      meanLength: 3,
      meanReferenceLength: 4,
      lengthDistribution: [0, 0, 2, 0, 0, 1],
      referenceLengthDistribution: [0, 0, 0, 0, 3],
      distinctWords: 4,
      vocabularyUse: 0.5,
      distinctCaptions: 2 / 3,
      distinct1: 4 / 9,
      distinct2: 4 / 6,
      selfRepetition: 1 / 3,
      novelty: 1 / 3,
      cutOff: 1 / 3,
    });
  });

  it("leave out what was not asked for", () => {
    const keys = Object.keys(captionStatistics(corpus));
    for (const key of ["vocabularyUse", "novelty", "cutOff"]) expect(keys).not.toContain(key);
  });
});

describe("human agreement", () => {
  it("holds out each reference in turn", () => {
    const scorers = [bleu(1), rougeL()];
    const agreement = humanAgreement(golden.images, scorers, ptbTokenizer);
    expect(agreement.rounds).toHaveLength(2);
    const first = golden.images.map((image) => ({
      ...image,
      candidate: image.references[0]!,
      references: image.references.slice(1),
    }));
    expect(agreement.rounds[0]!["ROUGE_L"]).toBe(rougeL().score(Corpus.prepare(first, ptbTokenizer)).corpus);
    expect(agreement.mean["Bleu_1"]).toBeCloseTo(
      (agreement.rounds[0]!["Bleu_1"]! + agreement.rounds[1]!["Bleu_1"]!) / 2,
      12,
    );
  });

  it("needs two captions of every image", () => {
    const images = [...golden.images, { id: "lonely", references: ["a dog"] }];
    expect(() => humanAgreement(images, [rougeL()], ptbTokenizer)).toThrow(
      'Expected at least two captions for every image for references but received "lonely".',
    );
  });
});

describe("the package", () => {
  const folder = dirname(fileURLToPath(import.meta.url));

  it("has one version", () => {
    expect(JSON.parse(readFileSync(join(folder, "../package.json"), "utf8")).version).toBe(VERSION);
  });

  it("reads no files outside its node entry, so that it runs in a browser", () => {
    const seen = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      const source = readFileSync(path, "utf8");
      for (const [, target] of source.matchAll(/from "([^"]+)"/g)) {
        expect(target, path).not.toMatch(/^node:/);
        if (target!.startsWith(".")) visit(join(dirname(path), target!.replace(/\.js$/, ".ts")));
      }
    };
    visit(join(folder, "index.ts"));
    expect(seen.size).toBeGreaterThan(20);
    expect([...seen].some((path) => path.endsWith("node.ts"))).toBe(false);
  });
});
