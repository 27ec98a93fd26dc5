/**
 * METEOR 1.5 (Denkowski and Lavie 2014) as coco-caption calls it. Without the paraphrase table its values are lower than published ones by some percent,
 * so they carry another name.
 */
import type { Corpus } from "../../corpus.js";
import { EvaluationError, expected } from "../../errors.js";
import { type Scorer, type Scores, sumRows } from "../../scorer.js";
import { normalizeForMeteor } from "../../tokenizers/meteor-normalizer.js";
import { align } from "./align.js";
import { MatchFinder } from "./find-matches.js";
import { Lexicon } from "./lexicon.js";
import { evalId, MATCHERS, type Matcher } from "./parameters.js";
import type { ParaphraseTable } from "./paraphrase-table.js";
import { PhraseIndex } from "./phrase-index.js";
import { PhraseSet } from "./phrase-set.js";
import { alignmentStatistics, corpusRow, METEOR_COLUMNS, meteorScore } from "./statistics.js";
import type { SynonymTable } from "./synonym-table.js";

export interface MeteorOptions {
  /** WordNet's synonyms: `loadSynonyms()` of @showtell/eval/node, or `SynonymTable.parse`. Without them the synonym matcher does not run. */
  readonly synonyms?: SynonymTable | undefined;
  /** The paraphrase table; see `ParaphraseTable.read` and `corpusPhrases`. */
  readonly paraphrases?: ParaphraseTable | undefined;
  /** Which matchers run, in METEOR's order. Default: exact, stem, and those whose tables are given. */
  readonly matchers?: readonly Matcher[];
}

/** METEOR, in 0..1. Named "METEOR" only when all four matchers run. */
export function meteor(options: MeteorOptions = {}): Scorer {
  const matchers = resolveMatchers(options);
  const name = nameOf(matchers);
  return { name, key: name, details: [evalId(matchers)], score: (corpus) => scoreCorpus(corpus, matchers, options) };
}

/** Every run of up to seven words of the normalised captions: what `ParaphraseTable.read` has to look for. */
export function corpusPhrases(corpus: Corpus): PhraseSet {
  const phrases = new PhraseSet();
  for (const pair of normalizedPairs(corpus)) {
    phrases.addPhrasesOf(pair.candidate);
    for (const reference of pair.references) phrases.addPhrasesOf(reference);
  }
  return phrases;
}

function resolveMatchers({ synonyms, paraphrases, matchers }: MeteorOptions): readonly Matcher[] {
  if (matchers === undefined) {
    return MATCHERS.filter(
      (matcher) =>
        (matcher !== "synonym" || synonyms !== undefined) && (matcher !== "paraphrase" || paraphrases !== undefined),
    );
  }
  const ordered = MATCHERS.filter((matcher) => matchers.includes(matcher));
  if (ordered.length !== matchers.length || ordered[0] !== "exact") {
    throw new EvaluationError(expected(`"exact" and any of ${MATCHERS.slice(1).join(", ")}`, "matchers", matchers));
  }
  if (matchers.includes("synonym") && synonyms === undefined) {
    throw new EvaluationError(expected("a synonym table", "synonyms", synonyms), {
      hint: "Call loadSynonyms() of @showtell/eval/node.",
    });
  }
  if (matchers.includes("paraphrase") && paraphrases === undefined) {
    throw new EvaluationError(expected("a paraphrase table", "paraphrases", paraphrases));
  }
  return ordered;
}

function nameOf(matchers: readonly Matcher[]): string {
  if (matchers.length === MATCHERS.length) return "METEOR";
  const missing = MATCHERS.filter((matcher) => !matchers.includes(matcher)).map((matcher) =>
    `${matcher}s`.replace("stems", "stemming"),
  );
  return `METEOR (no ${missing.join(", no ")})`;
}

interface NormalizedPair {
  readonly candidate: string;
  readonly references: readonly string[];
}

function normalizedPairs(corpus: Corpus): readonly NormalizedPair[] {
  return corpus.derive("meteor-normalized", () =>
    corpus.pairs.map((pair) => ({
      // The reference program's line protocol cannot carry "|||" in a candidate and drops it.
      candidate: normalizeForMeteor(pair.candidate.text.replaceAll("|||", "")),
      references: pair.references.map((reference) => normalizeForMeteor(reference.text)),
    })),
  );
}

function scoreCorpus(corpus: Corpus, matchers: readonly Matcher[], options: MeteorOptions): Scores {
  const lexicon = new Lexicon(matchers.includes("synonym") ? options.synonyms : undefined);
  const phrases = options.paraphrases === undefined ? undefined : new PhraseIndex(options.paraphrases, lexicon);
  const finder = new MatchFinder(lexicon, matchers, phrases);
  const width = METEOR_COLUMNS.length;
  const segments = new Float64Array(corpus.size);
  const rows = new Float64Array(corpus.size * width);
  normalizedPairs(corpus).forEach((pair, i) => {
    const place = `image ${corpus.pairs[i]!.id}`;
    const candidate = lexicon.read(pair.candidate);
    let bestScore = -1;
    let bestRow: Float64Array | undefined;
    for (const text of pair.references) {
      const reference = lexicon.read(text);
      const matches = align(finder.find(candidate, reference, place), candidate.length);
      const row = alignmentStatistics(candidate, reference, matches, lexicon);
      const score = meteorScore(row);
      // The first of equally good references supplies the statistics.
      if (score > bestScore) {
        bestScore = score;
        bestRow = row;
      }
    }
    segments[i] = bestScore;
    rows.set(corpusRow(bestRow!), i * width);
  });
  const statistics = { columns: METEOR_COLUMNS, rows, aggregate: meteorScore };
  return { corpus: meteorScore(sumRows(statistics)), segments, statistics };
}
