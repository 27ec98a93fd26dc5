import { beforeAll, describe, expect, it } from "vitest";
import { Corpus } from "./corpus.js";
import { bleu } from "./metrics/bleu.js";
import { ciderD } from "./metrics/cider.js";
import { corpusPhrases, meteor } from "./metrics/meteor/meteor.js";
import { ParaphraseTable } from "./metrics/meteor/paraphrase-table.js";
import { rougeL } from "./metrics/rouge-l.js";
import { loadSynonyms } from "./node.js";
import type { Scorer } from "./scorer.js";
import { golden, goldenParaphraseText } from "./testing/golden.js";
import { ptbTokenizer } from "./tokenizers/ptb/ptb-tokenizer.js";

const DIGITS = 12;
const CHUNKS = 20;

describe("the values of pycocoevalcap", () => {
  const corpus = Corpus.prepare(golden.images, ptbTokenizer);
  let scorers: readonly Scorer[];

  beforeAll(async () => {
    const synonyms = await loadSynonyms();
    const paraphrases = await ParaphraseTable.read(
      [new TextEncoder().encode(goldenParaphraseText)],
      corpusPhrases(corpus),
    );
    scorers = [
      bleu(1),
      bleu(2),
      bleu(3),
      bleu(4),
      rougeL(),
      ciderD(),
      meteor({ synonyms }),
      meteor({ synonyms, paraphrases }),
    ];
  });

  it("are met by the tokeniser, token by token", () => {
    expect(
      corpus.pairs.map(({ id, candidate, references }) => ({
        id,
        candidate: candidate.text,
        references: references.map(({ text }) => text),
      })),
    ).toEqual(golden.tokenized);
    for (const { text, tokenized } of golden.strings) expect(ptbTokenizer.tokenize(text), text).toBe(tokenized);
  });

  it("are met by every metric, for the corpus and for every caption", () => {
    expect(scorers.map((scorer) => scorer.key).sort()).toEqual(Object.keys(golden.scores).sort());
    for (const scorer of scorers) {
      const wanted = golden.scores[scorer.key]!;
      const actual = scorer.score(corpus);
      expect(actual.corpus, scorer.name).toBeCloseTo(wanted.corpus, DIGITS);
      golden.images.forEach(({ id }, i) => {
        expect(actual.segments[i], `${scorer.name} of ${id}`).toBeCloseTo(wanted.segments[i]!, DIGITS);
      });
    }
  });

  it("are met by METEOR's 23 statistics", () => {
    for (const scorer of scorers.filter(({ name }) => name.startsWith("METEOR"))) {
      const { rows, columns } = scorer.score(corpus).statistics;
      golden.scores[scorer.key]!.statistics!.forEach((wanted, i) => {
        const actual = [...rows.subarray(i * columns.length, (i + 1) * columns.length)];
        const perfect = wanted[CHUNKS] === 1 && wanted[21] === wanted[0] && wanted[22] === wanted[1];
        // A segment matched in one chunk adds none to the corpus.
        expect(actual, golden.images[i]!.id).toEqual(perfect ? wanted.with(CHUNKS, 0) : wanted);
      });
    }
  });
});
