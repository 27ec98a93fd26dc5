import { describe, expect, it } from "vitest";
import { Corpus } from "../../corpus.js";
import { loadSynonyms } from "../../node.js";
import { goldenParaphraseText } from "../../testing/golden.js";
import { noTokenizer } from "../../tokenizers/tokenizer.js";
import { align } from "./align.js";
import { corpusPhrases, meteor } from "./meteor.js";
import { ParaphraseTable } from "./paraphrase-table.js";
import { PhraseSet } from "./phrase-set.js";
import { SynonymTable } from "./synonym-table.js";

const synonyms = await loadSynonyms();
const pair = (candidate: string, reference: string) =>
  Corpus.prepare([{ id: "1", candidate, references: [reference] }], noTokenizer);

describe("METEOR", () => {
  it("bears the official name only with all four matchers", async () => {
    const paraphrases = await ParaphraseTable.read([], new PhraseSet());
    expect(meteor({ synonyms, paraphrases }).name).toBe("METEOR");
    expect(meteor({ synonyms }).name).toBe("METEOR (no paraphrases)");
    expect(meteor({ matchers: ["exact", "stem"] }).name).toBe("METEOR (no synonyms, no paraphrases)");
    expect(meteor({ synonyms }).details).toEqual(["meteor-1.5-wo-en-norm-0.85_0.2_0.6_0.75-ex_st_sy-1.0_0.6_0.8"]);
    expect(meteor({ synonyms, paraphrases }).details).toEqual([
      "meteor-1.5-wo-en-norm-0.85_0.2_0.6_0.75-ex_st_sy_pa-1.0_0.6_0.8_0.6",
    ]);
  });

  it("refuses matchers it has no table for", () => {
    expect(() => meteor({ matchers: ["exact", "synonym"] })).toThrow(
      "Expected a synonym table for synonyms but received undefined.",
    );
    expect(() => meteor({ matchers: ["stem"] })).toThrow(
      'Expected "exact" and any of stem, synonym, paraphrase for matchers',
    );
  });

  it("scores an identical caption by its exact words alone", () => {
    const { corpus, statistics } = meteor({ synonyms }).score(pair("dogs run", "dogs run"));
    expect(corpus).toBe(1);
    expect(statistics.rows[statistics.columns.indexOf("stemCandidateContent")]).toBe(0);
  });

  it("takes a caption that says one word over and over, up to a limit", () => {
    const scorer = meteor({ matchers: ["exact"] });
    const many = (times: number) => Array.from({ length: times }, () => "dog").join(" ");
    // Sorting every extension of every path took minutes here, and paths for all of them more memory than there is.
    expect(scorer.score(pair(many(400), many(400))).corpus).toBe(1);
    expect(() => scorer.score(pair(many(1001), many(1001)))).toThrow(
      'Expected at most 1000000 pairs of matching words for METEOR of image 1 but received "more".',
    );
  });

  it("rewards a stem, a synonym and a paraphrase", async () => {
    const exact = meteor({ matchers: ["exact"] });
    expect(meteor({ matchers: ["exact", "stem"] }).score(pair("a dog jumping", "a dog jumped")).corpus).toBeGreaterThan(
      exact.score(pair("a dog jumping", "a dog jumped")).corpus,
    );
    expect(meteor({ synonyms }).score(pair("a small car", "a small automobile")).corpus).toBeGreaterThan(
      exact.score(pair("a small car", "a small automobile")).corpus,
    );
    const corpus = pair("a boat next to a pier", "a boat beside a pier");
    const paraphrases = await ParaphraseTable.read(
      [new TextEncoder().encode(goldenParaphraseText)],
      corpusPhrases(corpus),
    );
    expect(meteor({ synonyms, paraphrases }).score(corpus).corpus).toBeGreaterThan(
      meteor({ synonyms }).score(corpus).corpus,
    );
  });
});

describe("the alignment search", () => {
  const word = (matcher: number, i: number, j: number) => ({
    matcher,
    candidateStart: i,
    candidateLength: 1,
    referenceStart: j,
    referenceLength: 1,
  });

  it("uses every word once", () => {
    // "the the" against "the cat the": both positions can take either word.
    const lists = [[word(0, 0, 0), word(0, 1, 0)], [], [word(0, 0, 2), word(0, 1, 2)]];
    const chosen = align(lists, 2);
    expect(chosen.map((match) => match.candidateStart).sort()).toEqual([0, 1]);
  });

  it("prefers fewer chunks", () => {
    // "b a" would cross; the run "a b" keeps one chunk.
    const lists = [[word(0, 0, 0), word(0, 2, 0)], [word(0, 1, 1)]];
    expect(align(lists, 3).map((match) => match.candidateStart)).toEqual([0, 1]);
  });
});

describe("the synonym table", () => {
  const share = (a: string, b: string) => {
    const sets = new Set(synonyms.setsOf(a));
    return synonyms.setsOf(b).some((set) => sets.has(set));
  };

  it("knows synonyms, regular and irregular forms", () => {
    expect(share("car", "automobile")).toBe(true);
    expect(share("automobiles", "cars")).toBe(true);
    expect(share("mice", "mouse")).toBe(true);
    expect(share("car", "cat")).toBe(false);
  });

  it("compares offsets without their part of speech, as METEOR does", () => {
    expect(share("bat", "last")).toBe(true);
  });

  it("finds the first word, the last word and none beyond", () => {
    const table = SynonymTable.parse("showtell-wordnet 1\nant\t0 1\nbee\t1\nwasp\t2 3\n");
    expect([...table.setsOf("ant")]).toEqual([0, 1]);
    expect([...table.setsOf("wasps")]).toEqual([2, 3]);
    for (const word of ["aaa", "bed", "zoo", ""]) expect(table.setsOf(word)).toHaveLength(0);
  });

  it("refuses any other text", () => {
    expect(() => SynonymTable.parse("ant\t0\n")).toThrow("Expected the synonym table of this package for synonyms");
  });
});
